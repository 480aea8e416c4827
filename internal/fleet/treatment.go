package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

const (
	// evidenceTime is how long collecting evidence may hold an attempt up.
	evidenceTime = 5 * time.Second
	// postCheckPause is the time from the beginning of one try of a post-check
	// to the next.
	postCheckPause = time.Second

	// The bounds of what a treatment says, in bytes; notes by their number too.
	detailLimit   = 1 << 10
	outputLimit   = 4 << 10
	evidenceLimit = 4 << 10
	noteLimit     = health.MessageLimit
	notesLimit    = 20
)

// step is one step of a runbook: a remedy and what surrounds it.
type step struct {
	remedy remedy.Remedy
	kind   string
	// before and after are the pre-check and the post-check; nil if there is none.
	before, after probe.Prober
	// timeout bounds the pre-check, and all tries of the post-check together.
	timeout time.Duration
	// blank is set if the step is made ready for each target anew; what stands
	// in it is nil above.
	blank *blank
	// evidence is how many lines of the log to collect before acting; 0 collects
	// nothing.
	evidence int
}

// carryOut makes one attempt of a step. Only the remedy acts, and it takes care
// itself to do so once. What comes before it is left out when the attempt is
// taken up again after a crash: the remedy may have acted by then, and what
// would be found is no longer how things were. What comes after it cannot undo
// it, so that nothing there makes the attempt an error, which would be retried.
func (s step) carryOut(ctx context.Context, request remedy.Request) (health.Treatment, error) {
	var earlier json.RawMessage
	resumed, err := request.Checkpoint.Load(&earlier)
	if err != nil {
		return health.Treatment{}, err
	}
	var before health.Treatment
	if !resumed {
		before, err = s.prepare(ctx)
		if err != nil || before.Effect != "" {
			return before, err
		}
	}
	treatment, err := s.remedy.Apply(ctx, request)
	if err != nil {
		return health.Treatment{}, err
	}
	treatment.Evidence = strings.Trim(before.Evidence+"\n"+treatment.Evidence, "\n")
	treatment.Notes = append(before.Notes, treatment.Notes...)
	if treatment.Effect == health.Applied || treatment.Effect == health.AlreadyApplied {
		s.postCheck(ctx, &treatment)
	}
	return treatment, nil
}

// prepare makes the pre-check and collects evidence. The treatment has an
// effect only if it ends here.
func (s step) prepare(ctx context.Context) (health.Treatment, error) {
	if s.before != nil {
		result := probe.Run(ctx, s.before, s.timeout)
		if err := ctx.Err(); err != nil {
			// What was found is about us: the worker is stopping, or the time is up.
			return health.Treatment{}, fmt.Errorf("pre-check: %w", err)
		}
		if !result.Status.Up() {
			return health.Treatment{Effect: health.Skipped, Detail: "pre-check failed: " + result.Message}, nil
		}
	}
	return s.collect(ctx), nil
}

// collect asks for evidence; that there is none is worth a note.
func (s step) collect(ctx context.Context) health.Treatment {
	if s.evidence == 0 {
		return health.Treatment{}
	}
	asked, ok := s.remedy.(remedy.Witness)
	if !ok {
		return health.Treatment{Notes: []string{"no evidence: a step of kind " + s.kind + " collects none"}}
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	evidence, err := asked.Evidence(ctx, s.evidence)
	treatment := health.Treatment{Evidence: evidence}
	if err != nil {
		treatment.Notes = []string{"the evidence is not complete: " + err.Error()}
	}
	return treatment
}

// postCheck looks whether a step that was carried out has done its work.
func (s step) postCheck(ctx context.Context, treatment *health.Treatment) {
	if s.after == nil {
		return
	}
	start := time.Now()
	failure, passed := s.awaitPass(ctx)
	switch {
	case passed:
		treatment.Notes = append(treatment.Notes,
			fmt.Sprintf("post-check passed after %s", time.Since(start).Round(time.Millisecond)))
	case ctx.Err() != nil:
		treatment.Notes = append(treatment.Notes, "post-check cut short, the attempt had to end: "+context.Cause(ctx).Error())
	default:
		treatment.Effect = health.Failed
		treatment.Detail += "; post-check failed: " + failure
	}
}

// awaitPass makes the post-check until it passes or its time is over, and
// returns what it found last.
func (s step) awaitPass(ctx context.Context) (failure string, passed bool) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		pause := time.NewTimer(postCheckPause)
		result := probe.Run(ctx, s.after, s.timeout)
		if result.Status.Up() {
			pause.Stop()
			return "", true
		}
		// A try that the end cut short says less than the one before it.
		if failure == "" || ctx.Err() == nil {
			failure = result.Message
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return failure, false
		}
	}
}

// Remediate implements activities.Remediator.
func (f *Fleet) Remediate(
	ctx context.Context, in activities.RemediateInput, checkpoint activities.Checkpoint,
) (health.Treatment, error) {
	r, release := f.use()
	defer release()
	s, ok := r.services[in.Service]
	if !ok {
		return health.Treatment{}, notConfigured("service", in.Service)
	}
	if in.Step < 0 || in.Step >= len(s.steps) {
		return health.Treatment{}, notConfigured("remediation step", fmt.Sprintf("%d of %s", in.Step+1, in.Service))
	}
	step, done, err := f.aim(s, in)
	if err != nil {
		return health.Treatment{}, redact(err, r.redactor)
	}
	defer done()
	begun := time.Now()
	treatment, err := step.carryOut(ctx, remedy.Request{LastFailure: in.LastFailure, Checkpoint: checkpoint})
	treatment, err = maskTreatment(treatment, r.redactor), redact(err, r.redactor)
	f.remediated(in.Service, step.kind, treatment, begun, err)
	return treatment, err
}

// maskTreatment masks the secrets in all that a treatment says, and bounds it.
// Secrets go first, as a cut could leave half of one.
func maskTreatment(t health.Treatment, redactor *option.Redactor) health.Treatment {
	t.Detail = health.Clip(redactor.Redact(t.Detail), detailLimit)
	t.Output = health.Clip(redactor.Redact(t.Output), outputLimit)
	t.Evidence = health.Clip(redactor.Redact(t.Evidence), evidenceLimit)
	notes := t.Notes[:min(len(t.Notes), notesLimit)]
	t.Notes = nil
	for _, note := range notes {
		t.Notes = append(t.Notes, health.Clip(redactor.Redact(note), noteLimit))
	}
	return t
}
