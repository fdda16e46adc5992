"""What learners play in the browser, and how it is shared."""
