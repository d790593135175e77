"""What people see; made of views only, no number typed by hand."""
