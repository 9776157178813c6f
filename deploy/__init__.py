"""What it takes to run numberline elsewhere; the one part of it that is code writes the monitoring."""
