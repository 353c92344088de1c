package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

// healthyCommand is what a container's health check runs: the image has no curl.
func healthyCommand() *cli.Command {
	return &cli.Command{
		Name:  "healthy",
		Usage: "Ask the link on this machine whether it is ready; exit code 0 or 1",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "address", Usage: "host:port of the link (default: HTTP_ADDRESS, else 127.0.0.1:4195)"},
			&cli.DurationFlag{Name: "timeout", Value: 5 * time.Second},
		},
		Action: func(c *cli.Context) error {
			ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
			defer cancel()
			return ready(ctx, cmp.Or(c.String("address"), httpAddress()))
		},
	}
}

func httpAddress() string {
	address, _ := lookupEnv(context.Background(), "HTTP_ADDRESS")
	return cmp.Or(address, "127.0.0.1:4195")
}

var errNotReady = errors.New("the link is not ready: one of its ends is not connected")

// ready asks /ready of a link. An address that listens on every interface is
// asked on this machine's own.
func ready(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/ready", nil)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no link answers at %s: it does not run, or listens elsewhere (HTTP_ADDRESS)", net.JoinHostPort(host, port))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errNotReady
	}
	return nil
}
