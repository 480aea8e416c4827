package pages

// notices are what a page may say at its top after something was done. Only the
// name of one travels in an address, so that a link cannot put words there.
var notices = map[string]string{
	"probed":            key("The service was probed."),
	"asked":             key("Paramedic was told; it does not show yet."),
	"paused":            key("Probing is paused."),
	"resumed":           key("Probing goes on."),
	"maintenance":       key("Maintenance has begun: probes go on, nothing is done."),
	"maintenance-ended": key("Maintenance is over."),
	"silenced":          key("Alerts are silenced."),
	"silence-ended":     key("Alerts are sent again."),
	"mode":              key("The mode is set."),
	"acknowledged":      key("The incident is yours: reminders and escalation stop, healing goes on."),
	"unacknowledged":    key("The acknowledgement is taken back: reminders and escalation go on."),
	"rearmed":           key("The budgets of the incident are given back."),
	"approved":          key("The next step is approved."),
	"retried":           key("It is tried again."),
	"resolved":          key("The incident is declared resolved."),
	"pending":           key("No worker has confirmed it yet; it takes effect when one runs again."),
}

// notice returns the text of a notice, or nothing if there is no such notice.
func (l *language) notice(name string) string {
	if text, found := notices[name]; found {
		return l.t(text)
	}
	return ""
}
