package satorioutput

import (
	"fmt"

	"sansansatori/plugins/decide"
)

// failedFrom is the number of customers from which a share of failures counts.
const failedFrom = 100

// guard says why rows must not be sent: they would go past a limit of the
// configuration.
func (o *Output) guard(rows []*decide.Row) error {
	l := o.conf.limits
	registrations, changes, failed, all := o.tally.totals()
	for _, row := range rows {
		for _, d := range row.Decisions {
			if d.Reason == decide.ReasonNew {
				registrations++
			} else {
				changes++
			}
		}
	}
	switch {
	case l.registrations > 0 && registrations > l.registrations:
		return fmt.Errorf("%s is %d and this run would register more: nothing more is written. Look at it with dry-run, then raise the limit or set it to 0", soFieldLimitsRegister, l.registrations)
	case l.changes > 0 && changes > l.changes:
		return fmt.Errorf("%s is %d and this run would change more: nothing more is written. Look at it with dry-run, then raise the limit or set it to 0", soFieldLimitsChange, l.changes)
	case l.failedShare > 0 && all >= failedFrom && float64(failed) > l.failedShare*float64(all):
		return fmt.Errorf("%d of %d customers failed, more than %s allows (%g): nothing more is written. The dead letters say why; mend it and send them again with config/replay.yaml", failed, all, soFieldLimitsFailed, l.failedShare)
	}
	return nil
}
