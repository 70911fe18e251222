"""Prints how many conformity checks ran, which were excused with the rows' reasons, and what 200 resets did to memory."""

from collections import Counter


def pytest_terminal_summary(terminalreporter):
    """Count (row, check) pairs of test_conformity.py over all workers."""
    checks, excused, memory = 0, Counter(), {}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            checks += name == "conformity"
            if name == "excused":
                excused[value] += 1
            if name == "memory":
                family, env_id, growth = value
                memory.setdefault(family, []).append((growth, env_id))
    if checks or excused:
        terminalreporter.write_line(f"conformity: {checks} checks held, {sum(excused.values())} excused by their rows")
        for reason, count in sorted(excused.items()):
            terminalreporter.write_line(f"  {count} x {reason}")
    for family, grown in memory.items():
        worst, env_id = max(grown)
        terminalreporter.write_line(f"memory after 200 resets, {family}: {worst:+.1f} MB at most ({len(grown)} ids; {env_id})")
