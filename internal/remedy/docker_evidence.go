package remedy

import (
	"context"
	"fmt"
)

// Evidence implements Witness: the container's state and the end of its log.
func (r *dockerRemedy) Evidence(ctx context.Context, lines int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	c, err := r.engine.container(ctx, r.options.Container)
	if err != nil {
		return "", r.refusal(fmt.Errorf("evidence of %s: %w", r.name(), err))
	}
	log, err := r.engine.logs(ctx, c, lines)
	switch {
	case err != nil:
		log += "\nlog: " + oneLine(err.Error())
	case log == "":
		log = "log: no lines"
	}
	return evidence(c.facts(), log), nil
}
