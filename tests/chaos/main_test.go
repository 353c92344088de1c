package chaos

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"sansansatori/tests/link"
)

// TestMain lets more tests run side by side than there are processors: they
// mostly wait, for a service that asks for patience or a process that starts.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set(strconv.Itoa(3 * runtime.GOMAXPROCS(0)))
	}
	code := m.Run()
	link.Clean()
	os.Exit(code)
}
