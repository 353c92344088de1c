package main

import (
	// Redpanda Connect's components, all Apache-2.0, and the drivers of its sql ones.
	_ "github.com/lib/pq"
	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"
	_ "github.com/redpanda-data/connect/v4/public/components/nats"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"
	_ "github.com/redpanda-data/connect/v4/public/components/redis"
	_ "github.com/redpanda-data/connect/v4/public/components/sql/base"
	_ "modernc.org/sqlite"

	// Ours.
	_ "sansansatori/plugins/all"

	// Times without a zone are Asia/Tokyo, on machines without zones too.
	_ "time/tzdata"
)
