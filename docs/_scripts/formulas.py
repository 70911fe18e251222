"""A Sphinx extension: formulas as MathML, which browsers draw without a script from another host.

The translation is docutils' own. ``html_math_renderer = "mathml"`` in conf.py selects it.
"""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

log = logging.getLogger(__name__)

FRACTION = re.compile(r"(\\[dt]?frac)\s*(\d)\s*(\d|[a-zA-Z])")
SINGLE = re.compile(r"([_^])(\d)(?=\d)")
"""An argument without braces is one digit in TeX; docutils takes all digits, so that ``\\frac12`` was 12 over what follows."""


def mathml(tex: str, *, block: bool = False) -> str:
    """A LaTeX formula as a ``<math>`` element.

    Raises:
        MathError: docutils does not know a command in the formula.
    """
    text = tex2mathml(SINGLE.sub(r"\1{\2}", FRACTION.sub(r"\1{\2}{\3}", tex)))
    return text.replace("<math ", '<math display="block" ', 1) if block else text


def _visit(translator, node, *, block: bool = False):
    try:
        translator.body.append(mathml(node.astext(), block=block))
    except MathError as error:
        log.warning("docutils cannot translate the formula %r: %s", node.astext(), error, location=node)
    raise nodes.SkipNode


def _visit_block(translator, node):
    _visit(translator, node, block=True)


def setup(app):
    app.add_html_math_renderer("mathml", (_visit, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
