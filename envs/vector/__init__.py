"""Vector environments that step their environments on several threads of one process."""
