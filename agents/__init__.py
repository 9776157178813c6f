"""The worker: each step a thin shell on Faust around its pure function, in the order of the topics."""
