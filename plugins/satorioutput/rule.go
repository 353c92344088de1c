package satorioutput

import (
	"errors"
	"fmt"

	"github.com/redpanda-data/benthos/v4/public/bloblang"

	"sansansatori/plugins/decide"
)

// ruleOf makes the overwrite rule of the user's Bloblang.
func ruleOf(mapping *bloblang.Executor) decide.Rule {
	return func(incoming, existing map[string]any) (decide.Verdict, error) {
		this := map[string]any{"incoming": incoming, "existing": nil}
		if existing != nil {
			this["existing"] = existing
		}
		said, err := mapping.Query(this)
		if err != nil {
			if errors.Is(err, bloblang.ErrRootDeleted) {
				return decide.Verdict{Action: decide.Skip}, nil
			}
			return decide.Verdict{}, err
		}
		switch v := said.(type) {
		case string:
			return decide.Verdict{Action: v}, nil
		case map[string]any:
			action, _ := v["action"].(string)
			reason, _ := v["reason"].(string)
			return decide.Verdict{Action: action, Reason: reason}, nil
		}
		return decide.Verdict{}, fmt.Errorf("it gave a %T, not a string", said)
	}
}
