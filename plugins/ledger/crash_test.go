package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/ledger/pgtest"
)

// crowd is the number of customers in each of the child's requests.
const crowd = 300

// TestCrash kills a process that writes, with SIGKILL and at any moment, and
// looks at what it left: each step as a whole or not at all, and every step that
// the process was told of. SATORI_LEDGER_CRASHES asks for more than a few.
func TestCrash(t *testing.T) {
	crashes := 8
	if n, err := strconv.Atoi(os.Getenv("SATORI_LEDGER_CRASHES")); err == nil {
		crashes = n
	}
	t.Run("sqlite", func(t *testing.T) { crash(t, sqliteConfig(t), crashes) })
	t.Run("postgres", func(t *testing.T) {
		dsn, _ := pgtest.Start(t)
		crash(t, postgresConfig(dsn), crashes/2)
	})
}

func crash(t *testing.T, cfg ledger.Config, crashes int) {
	last := -1
	for range crashes {
		told := runChild(t, cfg, last+1, time.Duration(rand.IntN(150))*time.Millisecond)
		last = inspect(t, cfg, last, told)
	}
	t.Logf("%d crashes survived; %d rounds settled", crashes, last+1)
}

// progress is the last round for which each step was acknowledged; -1 for none.
type progress struct{ begun, settled int }

// runChild starts writing at a round and kills the writer after a while.
func runChild(t *testing.T, cfg ledger.Config, from int, life time.Duration) progress {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), "SATORI_LEDGER_CHILD="+cfg.Driver, "SATORI_LEDGER_DSN="+cfg.DSN, fmt.Sprintf("SATORI_LEDGER_FROM=%d", from))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	told := progress{begun: -1, settled: -1}
	lines := bufio.NewScanner(out)
	armed := false
	for lines.Scan() {
		step, round, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.Atoi(round)
		switch step {
		case "open": // its life begins
			armed = true
			timer := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		case "begun":
			told.begun = n
		case "settled":
			told.settled = n
		}
	}
	require.True(t, armed, "the child never opened the ledger")
	require.ErrorContains(t, cmd.Wait(), "killed")
	return told
}

// inspect opens what a killed process left and gives the last settled round.
func inspect(t *testing.T, cfg ledger.Config, before int, told progress) int {
	t.Helper()
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	got, err := s.Load(t.Context(), crowdKeys())
	require.NoError(t, err)
	settled, open := map[int]int{}, map[int]int{}
	for _, k := range crowdKeys() {
		settledRound, openRound := -1, -1
		if c := got[k]; c != nil {
			if c.Known {
				settledRound = int(c.Held["round"].(float64))
			}
			if c.Open != nil {
				openRound = int(c.Open.Held["round"].(float64))
			}
		}
		settled[settledRound]++
		open[openRound]++
	}
	require.Len(t, settled, 1, "a settlement holds as a whole: %v", settled)
	require.Len(t, open, 1, "so does a request: %v", open)
	var round, openRound int
	for round = range settled {
	}
	for openRound = range open {
	}
	require.GreaterOrEqual(t, round, max(before, told.settled), "what was acknowledged was recorded")
	if told.begun > round {
		require.Equal(t, told.begun, openRound, "and so was what is about to be sent")
	}
	if openRound >= 0 {
		require.Equal(t, round+1, openRound)
	}
	return round
}

func crowdKeys() []Key {
	list := make([]Key, crowd)
	for i := range list {
		list[i] = key(fmt.Sprintf("crowd%d", i))
	}
	return list
}

// TestCrashChild is the process that is killed.
func TestCrashChild(t *testing.T) {
	driver := os.Getenv("SATORI_LEDGER_CHILD")
	if driver == "" {
		t.Skip("for TestCrash")
	}
	from, err := strconv.Atoi(os.Getenv("SATORI_LEDGER_FROM"))
	require.NoError(t, err)
	cfg := ledger.Config{Driver: driver, DSN: os.Getenv("SATORI_LEDGER_DSN")}
	// A killed process on PostgreSQL is gone when its lease runs out.
	s, err := openCrowd(t.Context(), cfg)
	require.NoError(t, err)
	fmt.Println("open 0")
	for round := from; ; round++ {
		id := fmt.Sprintf("round%d-%d", round, os.Getpid())
		intents := make([]ledger.Intent, crowd)
		for i, k := range crowdKeys() {
			intents[i] = ledger.Intent{Key: k, Row: i, Verb: "upsert", Held: Values{"round": round}, Cards: Cards{"c": id}}
		}
		require.NoError(t, s.Begin(t.Context(), ledger.Request{ID: id, Verb: "upsert", Intents: intents}))
		fmt.Println("begun", round)
		require.NoError(t, s.Uploaded(t.Context(), id, "code"))
		require.NoError(t, s.Settle(t.Context(), id, crowdKeys(), nil))
		fmt.Println("settled", round)
		for granted := 0; granted < crowd; { // a settlement releases
			list, err := s.Claim(t.Context(), crowdKeys())
			require.NoError(t, err)
			granted = len(list)
		}
	}
}

// openCrowd opens a ledger and waits until it has all customers.
func openCrowd(ctx context.Context, cfg ledger.Config) (s ledger.Store, err error) {
	if cfg.Driver == ledger.DriverPostgres {
		s, err = ledger.OpenWithTerms(ctx, cfg, quick, quick/10, time.Minute)
	} else {
		s, err = ledger.Open(ctx, cfg)
	}
	for granted := 0; err == nil && granted < crowd; {
		var list []Key
		list, err = s.Claim(ctx, crowdKeys())
		granted = len(list)
	}
	return s, err
}
