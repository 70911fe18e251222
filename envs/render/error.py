"""What goes wrong when an image is to be drawn."""


class RenderError(RuntimeError):
    """No image can be drawn; the message names the remedy."""


class ContextLost(RenderError):
    """Another library ended the OpenGL display of this process, and the context with it; a new one draws the same."""
