package main

import (
	"cmp"
	"context"
)

// Files of the data folder, as the shipped pipelines name them.
const (
	journalFiles    = "journal*.jsonl" // the one that is written, and those put away
	deadLettersFile = "dead_letters.jsonl"
)

// dataDir is where the shipped pipelines keep their state.
func dataDir() string {
	dir, _ := lookupEnv(context.Background(), "DATA_DIR")
	return cmp.Or(dir, "./data")
}
