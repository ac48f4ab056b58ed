"""What a command does from a TOML file to figures: one folder a campaign."""
