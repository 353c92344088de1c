// Package endtoend runs the shipped pipeline against both services, as a user
// would, and holds the end against the cards.
package endtoend

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"sansansatori/plugins/japanese"
	"sansansatori/tests/link"
	"sansansatori/tests/samplecards"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

const (
	dateItem  = "custom:exchange_date"
	cardCount = 700
	seed      = 7
)

// TestShippedPipeline: with either version of Sansan's API and every setting of
// the services, the end is the right one.
func TestShippedPipeline(t *testing.T) {
	settings := map[string]func(*sansansim.Settings, *satorisim.Settings){
		"as most likely": nil,
		"exclusive bounds": func(s *sansansim.Settings, _ *satorisim.Settings) {
			s.FromExclusive, s.ToExclusive = true, true
		},
		"null rows, empty pages, absent token": func(s *sansansim.Settings, _ *satorisim.Settings) {
			s.NullRowEvery, s.EmptyPageEvery, s.LastToken = 7, 2, sansansim.TokenAbsent
		},
		"Id and share in cards": func(s *sansansim.Settings, _ *satorisim.Settings) {
			s.EmbeddedTagID, s.EmbeddedShared = "Id", "share"
		},
		"order is ignored": func(s *sansansim.Settings, _ *satorisim.Settings) { s.IgnoreOrder = true },
		"snapshot paging":  func(s *sansansim.Settings, _ *satorisim.Settings) { s.Paging = sansansim.PagingSnapshot },
		"a token repeats":  func(s *sansansim.Settings, _ *satorisim.Settings) { s.RepeatFromPage = 2 },
		"tokens live for one use": func(s *sansansim.Settings, _ *satorisim.Settings) {
			s.TokenUses = 1
		},
		"answers in message, rows as objects": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.ProcessCodeIn, s.StatusIn, s.SucceededRows, s.NumbersQuoted = satorisim.InMessage, satorisim.InMessage, satorisim.RowObjects, true
		},
		"answers at top level, no succeeded rows": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.ProcessCodeIn, s.StatusIn, s.SucceededRows = satorisim.TopLevel, satorisim.TopLevel, satorisim.RowsAbsent
		},
		"rows count from 1": func(_ *sansansim.Settings, s *satorisim.Settings) { s.RowBase = 1 },
		"rows count from 0": func(_ *sansansim.Settings, s *satorisim.Settings) { s.RowBase = 0 },
		"one bad row refuses the request": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.BadRow = satorisim.RefuseRequest
			s.RejectRow = func(email string) string {
				if strings.HasPrefix(email, "a") {
					return "this customer is refused"
				}
				return ""
			}
		},
		"row numbers out of range": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.StrayRows = 1
			s.RejectRow = func(email string) string {
				if strings.HasPrefix(email, "a") {
					return "this customer is refused"
				}
				return ""
			}
		},
		"slow jobs, one at a time": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.Jobs, s.JobDuration, s.ApplyAt = satorisim.Serial, 100*time.Millisecond, satorisim.AtFinish
		},
		"a second job is refused": func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.Jobs, s.JobDuration = satorisim.Refuse, 50*time.Millisecond
		},
	}
	for _, version := range []string{"v3.2", "v6.0"} {
		for name, change := range settings {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := link.New(t, change)
				w.Version = version
				w.Sansan.LoadSample(cardCount, seed)
				w.Once(t)
				holdsTheNewest(t, w)
				journalIsWhole(t, w)

				// A second run over unchanged cards writes nothing.
				before := w.Satori.Digest()
				writes := writesOf(w)
				w.Once(t)
				require.Equal(t, before, w.Satori.Digest())
				require.Equal(t, writes, writesOf(w), "a second run writes nothing")
			})
		}
	}
}

func writesOf(w *link.World) (n int) {
	for _, r := range w.Satori.Requests() {
		if !strings.Contains(string(r.Kind), "status") {
			n++
		}
	}
	return n - deadLetters(w) // a refused customer is tried again
}

func deadLetters(w *link.World) int {
	return 0
}

// holdsTheNewest: each customer holds its newest card's values, nothing older
// ever overwrote newer, and no provisional card arrived.
func holdsTheNewest(t *testing.T, w *link.World) {
	t.Helper()
	require.Empty(t, w.Satori.Backwards(dateItem))
	refused := refusedOf(t, w)
	want := newest(w)
	for email := range refused {
		delete(want, email)
	}
	for email, card := range want {
		got, ok := w.Satori.Customer(email)
		require.True(t, ok, "a customer is missing")
		for item, field := range map[string]string{"lead_company_name": "companyName", "last_name": "lastName", "department": "departmentName"} {
			text, _ := card[field].(string)
			if text = tidy(text); text != "" {
				require.Equal(t, text, got[item], item)
			}
		}
		if date, _ := card["exchangeDate"].(string); date != "" {
			require.Equal(t, date, got[dateItem])
		}
	}
	require.Equal(t, len(want), w.Satori.Len()-refusedThatExist(w, refused))
}

func refusedThatExist(w *link.World, refused map[string]bool) (n int) {
	for email := range refused {
		if _, ok := w.Satori.Customer(email); ok {
			n++
		}
	}
	return n
}

func tidy(s string) string {
	return strings.Join(strings.Fields(norm.NFKC.String(s)), " ")
}

// newest gives, by e-mail, the card whose values the customer must hold.
func newest(w *link.World) map[string]map[string]any {
	won := map[string]map[string]any{}
	for _, card := range inOrder(w) {
		text, _ := card["email"].(string)
		email := japanese.NormalizeEmail(text)
		if !japanese.ValidEmail(email) {
			continue
		}
		held, ok := won[email]
		date, _ := card["exchangeDate"].(string)
		heldDate := ""
		if ok {
			heldDate, _ = held["exchangeDate"].(string)
		}
		if !ok || date >= heldDate {
			won[email] = card
		}
	}
	return won
}

// inOrder gives the cards that Sansan offers: neither past nor provisional.
func inOrder(w *link.World) (cards []map[string]any) {
	past := samplecards.Generate(cardCount, seed).Past
	for _, card := range w.Sansan.Cards() {
		if status, _ := card["entryStatus"].(string); !past[card["id"].(string)] && (status == "" || status == "completed") {
			cards = append(cards, card)
		}
	}
	return cards
}

type journalEntry struct {
	CardID string `json:"card_id"`
	Action string `json:"action"`
	Reason string `json:"reason"`
	Email  string `json:"email"`
}

func journalOf(t *testing.T, w *link.World) (entries []journalEntry) {
	t.Helper()
	file, err := os.Open(filepath.Join(w.Dir, "journal.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var e journalEntry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		entries = append(entries, e)
	}
	return entries
}

func refusedOf(t *testing.T, w *link.World) map[string]bool {
	refused := map[string]bool{}
	for _, e := range journalOf(t, w) {
		if e.Action == "failed" {
			refused[e.Email] = true
		}
	}
	return refused
}

// journalIsWhole: every card that Sansan offers is in the journal.
func journalIsWhole(t *testing.T, w *link.World) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range journalOf(t, w) {
		seen[e.CardID] = true
	}
	for _, card := range inOrder(w) {
		require.True(t, seen[card["id"].(string)], "a card is not in the journal")
	}
}
