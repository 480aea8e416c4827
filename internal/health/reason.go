package health

import (
	"fmt"
	"strings"
	"time"
)

// Reason is the sentence for people. It is written only when somebody reads
// it, so that deciding costs nothing.
func (d Decision) Reason() string {
	switch d.Rule {
	case RulePassing:
		return "the latest probe passed; confirming"
	case RuleAlertOnly:
		return "no remediation is configured: alert only"
	case RuleMaintenance:
		return "maintenance until " + ahead(d.At, d.Wait)
	case RuleFlapping:
		return "flapping: it changes its state too often, and a restart would only add to that"
	case RuleUnverified:
		return fmt.Sprintf("attempt %d could not be verified yet", d.Count)
	case RuleDependency:
		return dependencyReason(d.Names)
	case RuleRunbook:
		return "the runbook is at its end after " + plural(d.Count, "attempt")
	case RuleBackoff:
		return fmt.Sprintf("backing off for %s after attempt %d", d.Wait, d.Count)
	case RuleLapsed:
		return fmt.Sprintf("nobody approved by %s; ask again with `starter retry`", clock(d.Deadline))
	case RuleApproval:
		return "waiting for a human to approve" + until(d.At)
	case RuleMinHealthy:
		return fmt.Sprintf("only %d of %d services are healthy, and below %d %% nothing is restarted: look for a common cause",
			d.Count, d.Services, d.Limit)
	case RuleGatekeeper:
		return d.Note
	case RuleObserve:
		return fmt.Sprintf("mode observe: this would be restart %d of %d in this incident", d.Count, d.Limit)
	case RuleClear:
		return fmt.Sprintf("restart %d of %d in this incident%s", d.Count, d.Limit, approved(d.By))
	default:
		return d.limitReason()
	}
}

// limitReason puts a limit that was reached in words.
func (d Decision) limitReason() string {
	switch d.Rule {
	case RulePerIncident:
		return fmt.Sprintf("%d of %d restarts in this incident are used up", d.Count, d.Limit)
	case RuleIncidentsPerHour:
		return fmt.Sprintf("%s in the last hour used up the limit of %d, next at %s",
			plural(d.Count, "other incident"), d.Limit, clock(d.At))
	case RuleRestartsPerDay:
		return fmt.Sprintf("%s in 24 h %s used up, next at %s", plural(d.Count, "restart"), are(d.Count), clock(d.At))
	case RuleConcurrent:
		return fmt.Sprintf("%d of %d restarts at the same time%s%s", d.Count, d.Limit, named(d.Names), queued(d.Ahead))
	}
	return string(d.Rule)
}

func dependencyReason(names []string) string {
	if len(names) == 1 {
		return names[0] + ", which this depends on, is down"
	}
	return strings.Join(names, " and ") + ", which this depends on, are down"
}

func named(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

// queued says how many go first: they are why one waits while a place is free.
func queued(ahead int) string {
	switch ahead {
	case 0:
		return ""
	case 1:
		return "; 1 incident has waited longer"
	default:
		return fmt.Sprintf("; %d incidents have waited longer", ahead)
	}
}

func approved(by string) string {
	if by == "" {
		return ""
	}
	return ", approved by " + by
}

func until(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", until " + clock(at)
}

func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

func are(count int) string {
	if count == 1 {
		return "is"
	}
	return "are"
}

// clock writes an instant as people at work say it. It is UTC, as all of the
// record is.
func clock(at time.Time) string { return at.UTC().Format("15:04 MST") }

// ahead writes an instant that is so far ahead: with its day if the time of
// day alone would be taken for today's.
func ahead(at time.Time, wait Duration) string {
	if wait.Std() < 24*time.Hour {
		return clock(at)
	}
	return at.UTC().Format("2006-01-02 15:04 MST")
}
