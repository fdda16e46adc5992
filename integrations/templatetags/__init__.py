"""Template tags of integrations."""
