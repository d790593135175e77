"""Getting facts: importing files, fetching history, recording streams."""
