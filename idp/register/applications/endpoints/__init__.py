"""Pages of applicants, and of officers who work on their applications."""
