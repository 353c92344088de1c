package samplecards_test

import (
	"encoding/json"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/samplecards"
)

const many = 8000

func TestSameSeedSameCards(t *testing.T) {
	a, b, c := samplecards.Generate(500, 7), samplecards.Generate(900, 7), samplecards.Generate(500, 8)
	require.Equal(t, a.Cards, b.Cards[:500], "a smaller number is a prefix")
	require.NotEqual(t, a.Cards, c.Cards)
}

func TestEveryKindOfDirtOccurs(t *testing.T) {
	s := samplecards.Generate(many, 1)
	for _, k := range samplecards.Kinds() {
		if k.Chance == 0 {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			require.InEpsilon(t, k.Chance, float64(len(s.Dirt[k.Name]))/many, 0.35)
		})
	}
	require.Len(t, s.Past, len(s.Dirt["past"]))
	seen := map[string]int{}
	for _, c := range s.Cards {
		v, there := c["email"]
		switch mail, isText := v.(string); {
		case !there:
			seen["absent"]++
		case v == nil:
			seen["null"]++
		case mail == "":
			seen["empty"]++
		case strings.Contains(mail, "＠"):
			seen["full-width"]++
		case isText && strings.Contains(mail, "●"):
			seen["unreadable"]++
		}
		if c["exchangeDate"] == nil {
			seen["no date"]++
		}
		if strings.ContainsAny(text(c["memo"]), "\r\n") {
			seen["memo lines"]++
		}
		if strings.Contains(text(c["lastNameReading"]), "ﾞ") {
			seen["voiced half-width"]++
		}
		if c["owner"].(map[string]any)["email"] == nil {
			seen["owner without e-mail"]++
		}
	}
	for _, k := range []string{"absent", "null", "empty", "full-width", "unreadable", "no date", "memo lines", "voiced half-width", "owner without e-mail"} {
		require.Greater(t, seen[k], 50, k)
	}
}

func TestOrderTiesAndIDs(t *testing.T) {
	s := samplecards.Generate(many, 3)
	ids, last, ties, longest, run := map[string]bool{}, "", 0, 0, 0
	for _, c := range s.Cards {
		id, at := c["id"].(string), c["updatedTime"].(string)
		require.Regexp(t, `^[0-9A-F]{32}$`, id)
		require.False(t, ids[id], "ids are unique")
		ids[id] = true
		require.GreaterOrEqual(t, at, last)
		run++
		if at != last {
			run = 1
		} else {
			ties++
		}
		last, longest = at, max(longest, run)
		require.LessOrEqual(t, c["registeredTime"].(string), at)
	}
	require.Greater(t, ties, many/5)
	require.GreaterOrEqual(t, longest, 40)
	end, err := time.Parse(time.RFC3339, last)
	require.NoError(t, err)
	require.True(t, end.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), "nothing lies in the future")
}

func TestOnlyExampleDomainsAndSharedEmails(t *testing.T) {
	s := samplecards.Generate(many, 5)
	cards := map[string]int{}
	for _, c := range s.Cards {
		a, err := mail.ParseAddress(strings.TrimSpace(text(c["email"])))
		if err != nil {
			continue
		}
		host := a.Address[strings.LastIndexByte(a.Address, '@')+1:]
		require.Regexp(t, `(^|\.)example\.(com|org|net|jp|co\.jp|ne\.jp|or\.jp)$`, host)
		cards[a.Address]++
	}
	shared := 0
	for _, n := range cards {
		if n > 1 {
			shared += n - 1
		}
	}
	require.InDelta(t, 0.13, float64(shared)/many, 0.05)
}

func TestCardsAreJSONAsDecoded(t *testing.T) {
	for _, c := range samplecards.Generate(300, 9).Cards {
		b, err := json.Marshal(c)
		require.NoError(t, err)
		var back map[string]any
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, c, back)
	}
}

func TestHalfWidth(t *testing.T) {
	require.Equal(t, "ｽｽﾞｷ ﾊﾟﾋﾟ", samplecards.HalfWidth("スズキ パピ"))
}

func text(v any) string { s, _ := v.(string); return s }

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		samplecards.Each(1000, 1, func(samplecards.Sample) {})
	}
}
