package apicall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// harmless are what net/http says without quoting what came or went. All else it
// may say can hold a URL, a header or a piece of an answer.
var harmless = []string{
	"http: server closed idle connection",
	"net/http: TLS handshake timeout",
	"net/http: timeout awaiting response headers",
	"net/http: HTTP/1.x transport connection broken",
}

// speakable makes of an error one that can be logged: its cause where that is
// known to quote nothing, else a description without details.
func speakable(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		return speakable(inURL.Err)
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled, ErrTooLarge} {
		if errors.Is(err, known) {
			return known
		}
	}
	var (
		op          *net.OpError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		errno       syscall.Errno
		late        net.Error
	)
	switch {
	case errors.As(err, &op):
		return op
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &record):
		return errors.New("tls: the other end does not speak TLS")
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the connection ended before the answer was complete: %w", io.ErrUnexpectedEOF)
	}
	text := err.Error()
	for _, known := range harmless {
		if strings.HasPrefix(text, known) {
			return errors.New(known)
		}
	}
	if errors.As(err, &late) && late.Timeout() {
		return errors.New("timed out")
	}
	if strings.Contains(text, "malformed") {
		return errors.New("the answer is not HTTP")
	}
	return fmt.Errorf("the request could not be completed (%T)", err)
}
