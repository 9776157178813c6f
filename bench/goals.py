"""What the project promises of its speed: each a limit for the median of a figure, at most unless said."""

MILLION_OVER_COPY = 1.5  # x, of one bare binary COPY of the same rows
SMALL_P50_OVER_ROUND_TRIP = 8.0  # x, of the p50 of one produce-and-consume round trip
SMALL_P95_OVER_ROUND_TRIP = 15.0
MIDDLE_P95_OVER_ROUND_TRIP = 30.0
LOADED_P95_OVER_IDLE = 4.0  # x, of the p95 of the same task on an idle system
CROWDED_P95_OVER_IDLE = 10.0  # the same with ten large tasks at once
COST_FLAT = 1.3  # x, of what a number costs in the largest task, or with nothing given out yet
FILTERED_OVER_PLAIN = 1.3  # x, of the same task without filters
WORKERS = 1 / 0.8  # x, n times the time of n workers over that of one: an efficiency of 0.8
SUPPRESSED_OVER_PLAIN = 1.2  # x, of the same task with nothing suppressed
DJANGO_OVER_OURS = 20.0  # x, at least: a Django service and its task queue, at a million and at 100,000 numbers
DJANGO_OVER_OURS_SMALL = 12.0  # x, at least: at 10,000
SQL_OVER_OURS = 8.0  # x, at least: one SQL statement, looped, into that service's table, at a million
CAPACITY_MILLISECONDS = 100.0  # of one call for the whole country
TOLD_MILLISECONDS = 1000.0  # how old its figures are
WORKER_MEGABYTES = 500.0  # 10**6 bytes, with 10 million numbers given out
STATISTICS_MILLISECONDS = 50.0  # of a call, 95 % of them
BARE_DELIVERIES_OVER_GATEWAY = 1 / 0.7  # x: at least 0.7 of the deliveries of a bare broadcast server
GATEWAY_MEMORY_OVER_BARE = 1.3  # x, of its memory a connection
VALIDATE_HELD_MICROSECONDS = 5.0  # µs a number: 200,000 a second, of a held million end to end
VALIDATE_CANONICAL_MICROSECONDS = 5.0  # a line of a file, from reading to written
VALIDATE_MIXED_MICROSECONDS = 20.0  # 50,000 a second
VALIDATE_JOIN_MICROSECONDS = 0.2  # 5 million a second, the pure join
VALIDATE_MEMORY = 1.1  # x, peak memory for ten times as many lines
