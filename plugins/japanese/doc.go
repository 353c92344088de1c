// Package japanese puts Japanese text, e-mail addresses and phone numbers into
// one form, in Go and as Bloblang methods: business cards (名刺) are written in
// full-width and half-width characters, in katakana of both widths and with
// hyphens of a dozen kinds.
package japanese
