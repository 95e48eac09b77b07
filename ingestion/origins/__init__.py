"""Where items come from: one adapter for each origin."""
