package satorioutput

import (
	"fmt"

	"sansansatori/plugins/decide"
)

// failedFrom is the number of customers from which a share of failures counts.
const failedFrom = 100

// guard says why rows must not be sent: with them this run would go past a limit
// of the configuration.
func (o *Output) guard(rows []*decide.Row) error {
	l, run := o.conf.limits, o.tally.thisRun()
	written := run.registrations + run.changes
	for _, row := range rows {
		for _, d := range row.Decisions {
			if d.Reason == decide.ReasonNew {
				run.registrations++
			} else {
				run.changes++
			}
		}
	}
	switch {
	case l.registrations > 0 && run.registrations > l.registrations:
		return overLimit(soFieldLimitsRegister, l.registrations, "register", written)
	case l.changes > 0 && run.changes > l.changes:
		return overLimit(soFieldLimitsChange, l.changes, "change", written)
	case l.failedShare > 0 && run.all >= failedFrom && float64(run.failed) > l.failedShare*float64(run.all):
		return fmt.Errorf("%d of %d customers failed, more than %s allows (%g): nothing more is written. The journal says why (sansan-satori report). Mend it; what is in the dead letters by now is sent again by config/replay.yaml", run.failed, run.all, soFieldLimitsFailed, l.failedShare)
	}
	return nil
}

func overLimit(field string, limit int64, verb string, written int64) error {
	so := "nothing was written"
	if written > 0 {
		so = fmt.Sprintf("it stops after %d", written)
	}
	return fmt.Errorf("%s is %d and this run would %s more: %s. Look at it with dry-run, then raise the limit or set it to 0 (in the shipped pipeline: MAX_REGISTRATIONS, MAX_CHANGES)", field, limit, verb, so)
}
