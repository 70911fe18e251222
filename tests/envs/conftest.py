"""Prints how many conformity checks ran and which were excused, with the reasons that the rows give."""

from collections import Counter


def pytest_terminal_summary(terminalreporter):
    """Count (row, check) pairs of test_conformity.py over all workers."""
    checks, excused = 0, Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            checks += name == "conformity"
            if name == "excused":
                excused[value] += 1
    if checks or excused:
        terminalreporter.write_line(f"conformity: {checks} checks held, {sum(excused.values())} excused by their rows")
        for reason, count in sorted(excused.items()):
            terminalreporter.write_line(f"  {count} x {reason}")
