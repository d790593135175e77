"""Generated markets, the laws that every view keeps, and fakes of the internet."""
