"""The page Costs: what was used and what it cost, by whatever one asks."""
