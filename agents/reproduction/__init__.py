"""Tables and figures of papers: trials, workers, results, reports."""
