//go:build !linux

package ledger_test

import "testing"

func smallDisk(t *testing.T, _ int) string {
	t.Helper()
	t.Skip("needs Linux")
	return ""
}
