"""What every agent shares: exact state on disk, seeding, run folders."""
