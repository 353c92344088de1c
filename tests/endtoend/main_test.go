package endtoend

import (
	"os"
	"testing"

	"sansansatori/tests/link"
)

func TestMain(m *testing.M) {
	code := m.Run()
	link.Clean()
	os.Exit(code)
}
