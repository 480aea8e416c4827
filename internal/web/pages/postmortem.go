package pages

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"paramedic/internal/health"
)

// postmortem writes an incident as Markdown to copy and to complete: what the
// record knows is filled in, what only people know is asked for. Nothing in the
// record can break out of its place.
func postmortem(l *language, i health.Incident, impact string, now time.Time) string {
	w := &markdown{l: l}
	w.line("# " + l.t("Post-mortem: %s, %s", plain(serviceOf(i)), i.FirstFailureAt.UTC().Format(time.DateOnly)))
	w.summary(i, now)
	w.section(key("Impact"))
	if impact != "" {
		w.line(plain(impact))
		w.line("")
	}
	if len(i.Affected) > 0 {
		w.line(l.t("Also down, because they depend on it: %s.", plain(strings.Join(i.Affected, ", "))))
		w.line("")
	}
	w.fill(key("Who noticed it, and what could they not do?"))
	w.timeline(i)
	w.evidence(i)
	w.section(key("Root cause"))
	w.fill(key("Why did it fail, and why was that not prevented?"))
	w.section(key("What went well"))
	w.fill(key("What was noticed, decided or healed fast?"))
	w.section(key("What went badly"))
	w.fill(key("What took long, was missing, or was luck?"))
	w.section(key("Actions"))
	w.row(l.t("Action"), l.t("Who"), l.t("By when"))
	w.row("---", "---", "---")
	w.row("", "", "")
	return w.text.String()
}

// markdown writes the parts of a post-mortem.
type markdown struct {
	l    *language
	text strings.Builder
}

func (w *markdown) line(text string) { w.text.WriteString(text + "\n") }

func (w *markdown) section(title string) { w.line("\n## " + w.l.t(title) + "\n") }

// fill asks for what only people know.
func (w *markdown) fill(question string) {
	w.line("_" + w.l.t("To fill in:") + " " + w.l.t(question) + "_")
}

func (w *markdown) row(cells ...string) { w.line("| " + strings.Join(cells, " | ") + " |") }

func (w *markdown) item(name, value string) {
	if value != "" {
		w.line("- **" + w.l.t(name) + ":** " + value)
	}
}

func (w *markdown) summary(i health.Incident, now time.Time) {
	l := w.l
	w.section(key("Summary"))
	w.item(key("Incident"), code(i.ID))
	w.item(key("Service"), plain(serviceOf(i)))
	w.item(key("Severity"), plain(i.Severity))
	w.item(key("State"), plain(stateWords(l, i)))
	w.item(key("First failed probe"), instant(i.FirstFailureAt))
	w.item(key("Incident opened"), instant(i.OpenedAt))
	w.item(key("First attempt to heal"), instant(i.ActedAt))
	w.item(key("Back again"), instant(i.ResolvedAt))
	w.item(key("Downtime"), l.t("%s: %s to detect, %s to decide, %s to heal", health.Span(i.Downtime(now)),
		health.Span(i.TimeToDetect()), health.Span(i.TimeToDecide()), health.Span(i.TimeToHeal(now))))
	w.item(key("Attempts"), l.t("%d, of which %d took effect", i.Attempts, i.Restarts))
	if a := i.Acknowledged; a != nil {
		text := l.t("%s at %s", plain(a.By), instant(a.At))
		if a.Note != "" {
			text += ": " + plain(a.Note)
		}
		w.item(key("Acknowledged by"), text)
	}
	w.item(key("What the probes found"), plain(i.Reason))
	w.item(key("Last action"), plain(i.Action))
	w.item(key("Why nothing was done"), held(l, i))
}

// held lists the rules that held it, each with how often it did.
func held(l *language, i health.Incident) string {
	var all []string
	for _, reason := range heldReasons(i) {
		all = append(all, fmt.Sprintf("%s (%d×)", plain(l.t(reason.Rule)), reason.Times))
	}
	return strings.Join(all, ", ")
}

func (w *markdown) timeline(i health.Incident) {
	l := w.l
	w.section(key("Timeline"))
	w.row(l.t("Time (UTC)"), l.t("After"), l.t("What"), l.t("Text"))
	w.row("---", "---", "---", "---")
	for _, entry := range i.Timeline.Entries {
		at := "–"
		if !entry.At.IsZero() {
			at = entry.At.UTC().Format("2006-01-02 15:04:05")
		}
		w.row(at, offset(entry.At.Sub(i.FirstFailureAt)), plain(l.t(string(entry.Kind))), plain(entry.Text))
	}
	if i.Timeline.Omitted > 0 {
		w.line("\n" + l.tn(i.Timeline.Omitted, "1 entry was left out to keep the record small.", "%d entries were left out to keep the record small."))
	}
}

// evidence is what was collected before the latest step, as it is.
func (w *markdown) evidence(i health.Incident) {
	if i.Evidence == "" {
		return
	}
	w.section(key("Evidence"))
	text := printable(i.Evidence)
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	w.line(fence + "text")
	w.line(strings.TrimRight(text, "\n"))
	w.line(fence)
}

// stateWords says where an incident stands or how it ended.
func stateWords(l *language, i health.Incident) string {
	if i.State == health.Resolved && i.Outcome != "" {
		return l.t(string(i.State)) + ": " + l.t(string(i.Outcome))
	}
	return l.t(string(i.State))
}

// The words of the states and outcomes of an incident.
var _ = []string{
	key("triggered"), key("acknowledged"), key("resolved"),
	key("healed"), key("recovered"), key("resolved by hand"), key("abandoned"),
}

// serviceOf names what is down.
func serviceOf(i health.Incident) string {
	if i.Target != "" {
		return i.Service + "/" + i.Target
	}
	return i.Service
}

func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return stamp(at)
}

// plain writes a text of the record so that Markdown shows it as it is, in one
// line.
func plain(text string) string {
	text = oneLine(text)
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]<>|#&~!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code writes a name as code; a backtick in it cannot end that.
func code(text string) string {
	return "`" + strings.ReplaceAll(oneLine(text), "`", "'") + "`"
}

// oneLine is a text without line breaks and without what does more than to be
// read.
func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

// printable drops what moves the cursor or turns the direction of writing, and
// what XML cannot hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r >= unicode.ReplacementChar && r <= '\uffff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// postmortemName is the name of the file that a browser saves.
func postmortemName(i health.Incident) string {
	name := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._@", r)) {
			return r
		}
		return '-'
	}, i.ID)
	return "postmortem-" + name[:min(len(name), 120)] + ".md"
}
