package main

import (
	"context"
	"os"
	"strings"
)

// lookupEnv finds ${NAME} of a configuration: the environment variable NAME, or
// the content of the file that NAME_FILE names, as container secrets are given.
func lookupEnv(_ context.Context, name string) (string, bool) {
	if value, ok := os.LookupEnv(name); ok && value != "" {
		return value, true
	}
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return os.LookupEnv(name)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	return strings.TrimRight(string(content), "\r\n"), true
}
