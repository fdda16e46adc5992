"""Who takes part, what they are asked to do, and what they achieved. Knows nothing of other systems."""
