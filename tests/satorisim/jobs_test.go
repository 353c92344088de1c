package satorisim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func state(r reply) string {
	s, _ := body(r)["process_status"].(string)
	return s
}

func TestJobTakesItsTime(t *testing.T) {
	b := start(t, func(s *Settings) { s.JobDuration, s.JobPerRow = 10*time.Second, time.Second })
	code := b.bulk("upsert", header, good).code()
	b.clock.pass(10 * time.Second)
	require.Equal(t, "started", state(b.poll(code)))
	require.Zero(t, b.Len())
	b.clock.pass(time.Second)
	require.Equal(t, 1, b.Len(), "reading the state is enough")
	require.Equal(t, "finished", state(b.poll(code)))
	job := b.Jobs()[0]
	require.Equal(t, 11*time.Second, job.Finished.Sub(job.Uploaded))
	require.Equal(t, 2, job.Polls)
	require.Equal(t, job.Finished, b.Writes("a@example.jp")[0].Time)
}

func TestApplyAt(t *testing.T) {
	for at, want := range map[JobMoment][3]int{AtUpload: {2, 2, 2}, AtStart: {1, 2, 2}, AtFinish: {0, 1, 2}} {
		t.Run(string(at), func(t *testing.T) {
			b := start(t, func(s *Settings) { s.ApplyAt, s.JobDuration = at, time.Minute })
			b.bulk("upsert", header, good)
			b.bulk("upsert", header, other)
			for i, n := range want {
				require.Equal(t, n, b.Len(), i)
				b.clock.pass(time.Minute)
			}
		})
	}
}

func TestJobsTogether(t *testing.T) {
	t.Run("serial", func(t *testing.T) {
		b := start(t, func(s *Settings) { s.JobDuration, s.WaitingWord, s.WorkingWord = time.Minute, "queued", "working" })
		one, two := b.bulk("upsert", header, good).code(), b.bulk("upsert", header, other).code()
		require.Equal(t, "working", state(b.poll(one)))
		require.Equal(t, "queued", state(b.poll(two)))
		b.clock.pass(90 * time.Second)
		require.Equal(t, "finished", state(b.poll(one)))
		require.Equal(t, "working", state(b.poll(two)))
		b.clock.pass(30 * time.Second)
		require.Equal(t, "finished", state(b.poll(two)))
		require.Equal(t, time.Minute, b.Jobs()[1].Finished.Sub(b.Jobs()[0].Finished))
	})
	t.Run("parallel, the shorter first", func(t *testing.T) {
		b := start(t, func(s *Settings) { s.Jobs, s.JobPerRow = Parallel, time.Minute })
		b.bulk("upsert", header, good, []string{"z@example.jp", "古", "R", ""})
		b.bulk("upsert", header, []string{"z@example.jp", "新", "R", ""})
		b.clock.pass(time.Hour)
		got, _ := b.Customer("z@example.jp")
		require.Equal(t, "古", got["last_name"], "the longer job finished last")
		require.Len(t, b.Violations(SameEmailTwice), 1)
	})
	t.Run("refused", func(t *testing.T) {
		b := start(t, func(s *Settings) {
			s.Jobs, s.JobDuration, s.QuotaHint = Refuse, time.Minute, Hint{HintBody, 7 * time.Second}
		})
		require.Equal(t, 200, b.bulk("upsert", header, good).http)
		r := b.bulk("upsert", header, other)
		require.Equal(t, 429, r.http)
		require.Equal(t, 7.0, r.json["retry_after"])
		b.clock.pass(time.Minute)
		require.Equal(t, 200, b.bulk("upsert", header, other).http)
	})
}

func TestJobFinishesAfterPolls(t *testing.T) {
	b := start(t, func(s *Settings) { s.JobPolls = 3 })
	code := b.bulk("upsert", header, good).code()
	b.clock.pass(time.Hour)
	require.Equal(t, []string{"started", "started", "finished"}, []string{state(b.poll(code)), state(b.poll(code)), state(b.poll(code))})
}

func TestJobNeverFinishes(t *testing.T) {
	for at, want := range map[JobMoment]int{AtStart: 1, AtFinish: 0} {
		b := start(t, func(s *Settings) { s.JobNever, s.ApplyAt = true, at })
		code := b.bulk("upsert", header, good).code()
		b.clock.pass(1000 * time.Hour)
		require.Equal(t, "started", state(b.poll(code)))
		require.Equal(t, want, b.Len())
		b.Change(func(s *Settings) { s.JobNever = false })
		require.Equal(t, "finished", state(b.poll(b.bulk("upsert", header, good).code())), "a dead job blocks no other")
		require.Empty(t, b.Violations())
	}
}

func TestStatusExpires(t *testing.T) {
	b := start(t, func(s *Settings) { s.StatusPolls = 1 })
	code := b.bulk("upsert", header, good).code()
	require.Equal(t, "finished", state(b.poll(code)))
	require.Equal(t, 404, b.poll(code).http)

	b = start(t, func(s *Settings) { s.StatusFor = time.Minute })
	code = b.bulk("upsert", header, good).code()
	require.Equal(t, "finished", state(b.poll(code)))
	b.clock.pass(61 * time.Second)
	require.Equal(t, 404, b.poll(code).http)
	require.Equal(t, 1, b.Len())
}

func TestRandomDurationFollowsTheSeed(t *testing.T) {
	ends := func(seed uint64) (d []time.Duration) {
		b := start(t, func(s *Settings) { s.Seed, s.JobJitter, s.Jobs = seed, time.Hour, Parallel })
		b.bulk("upsert", header, good)
		b.bulk("upsert", header, other)
		b.clock.pass(time.Hour)
		for _, j := range b.Jobs() {
			d = append(d, j.Finished.Sub(j.Uploaded))
		}
		return d
	}
	require.Equal(t, ends(1), ends(1))
	require.NotEqual(t, ends(1), ends(2))
}

func TestOneEmailTwiceAtOnce(t *testing.T) {
	b := start(t, func(s *Settings) { s.JobDuration = time.Minute })
	b.bulk("upsert", header, good, good)
	require.Len(t, b.Violations(SameEmailTwice), 1, "two rows")
	b.one("upsert", "email", good[0])
	require.Len(t, b.Violations(SameEmailTwice), 2, "single while in a job")
	b.bulk("registration", header, other, good)
	v := b.Violations(SameEmailTwice)
	require.Len(t, v, 3, "two jobs")
	require.Equal(t, good[0], v[2].Email)
	require.False(t, v[2].Excused)
	b.clock.pass(2 * time.Minute)
	b.bulk("upsert", header, good)
	require.Len(t, b.Violations(), 3, "one after the other is fine")
}

func TestLostAnswerExcuses(t *testing.T) {
	b := start(t, func(s *Settings) { s.JobDuration = time.Minute })
	b.Control(BulkUpsert, Times(1, FaultAnswerLost()))
	require.Error(t, b.bulk("upsert", header, good).err)
	require.Equal(t, 200, b.bulk("upsert", header, good).http)
	require.Len(t, b.Violations(), 1)
	require.True(t, b.Violations()[0].Excused)
}

func TestWriteLog(t *testing.T) {
	b := start(t)
	b.one("registration", "email", "a@example.jp", "custom:exchange_date", "2026-04-02", "append_tags", "x,y", "last_name", "")
	b.bulk("upsert", header, []string{"a@example.jp", "山田", "R", "2026-04-01"})
	b.bulk("upsert", header, []string{"a@example.jp", "山田", "R", ""})
	b.one("upsert", "email", "a@example.jp", "delete_tags", "x")
	log := b.Writes("A@example.jp")
	require.Len(t, log, 4)
	first, second, third := log[0], log[1], log[2]
	require.True(t, first.Created)
	require.Equal(t, []string{"x", "y"}, first.TagsAdded)
	require.Equal(t, map[string]string{"email": "a@example.jp", "custom:exchange_date": "2026-04-02", "append_tags": "x,y"}, first.Sent)
	require.Equal(t, Change{"", "2026-04-02"}, first.Changed["custom:exchange_date"])
	require.True(t, second.Bulk)
	require.Equal(t, b.Jobs()[0].ProcessCode, second.Job)
	require.Equal(t, Change{"2026-04-02", "2026-04-01"}, second.Changed["custom:exchange_date"])
	require.True(t, third.Repeated())
	require.Equal(t, []string{"x"}, log[3].TagsRemoved)

	back := b.Backwards("custom:exchange_date")
	require.Len(t, back, 1)
	require.Equal(t, "a@example.jp", back[0].Email)
	require.Empty(t, b.Backwards("last_name"))
	c := b.Counters()
	require.Equal(t, [4]int{1, 2, 1, 1}, [4]int{c.Created, c.Changed, c.Repeated, c.DatesBack})

	quiet := start(t, func(s *Settings) { s.NoLog = true })
	quiet.one("upsert", "email", "a@example.jp", "custom:exchange_date", "2026-04-02")
	quiet.one("upsert", "email", "a@example.jp", "custom:exchange_date", "2026-04-01")
	require.Equal(t, 1, quiet.Counters().DatesBack)
	require.Empty(t, quiet.Writes("a@example.jp"))
	require.Equal(t, 1, quiet.Counters().Created)
}
