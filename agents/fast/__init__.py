"""Hand-made speed: each piece equals the plain torch form that it replaces, and is tested against it."""
