package alert

import (
	"fmt"
	netmail "net/mail"
	"strings"

	"paramedic/internal/option"
)

// letterhead is from whom mail comes, and to whom it goes.
type letterhead struct {
	from *netmail.Address
	to   []*netmail.Address
}

// validateLetterhead checks the options "from" and "to".
func validateLetterhead(problems *option.Problems, from string, to []string) {
	const form = "write it like ops@example.org or \"Ops <ops@example.org>\""
	if _, err := parseAddress(from); err != nil {
		problems.Add("from", "%q is not a mail address; %s", from, form)
	}
	if len(to) == 0 {
		problems.Add("to", "names nobody; %s", form)
	}
	seen := map[string]bool{}
	for i, text := range to {
		path := fmt.Sprintf("to[%d]", i)
		address, err := parseAddress(text)
		switch {
		case err != nil:
			problems.Add(path, "%q is not a mail address; %s", text, form)
		case seen[strings.ToLower(address.Address)]:
			problems.Add(path, "%s is there already", address.Address)
		default:
			seen[strings.ToLower(address.Address)] = true
		}
	}
}

func newLetterhead(from string, to []string) (letterhead, error) {
	sender, err := parseAddress(from)
	if err != nil {
		return letterhead{}, fmt.Errorf("from: %w", err)
	}
	head := letterhead{from: sender}
	for _, text := range to {
		recipient, err := parseAddress(text)
		if err != nil {
			return letterhead{}, fmt.Errorf("to: %w", err)
		}
		head.to = append(head.to, recipient)
	}
	return head, nil
}

// audience names all recipients, as part of what a mail is known by.
func (h letterhead) audience() string {
	all := make([]string, 0, len(h.to))
	for _, to := range h.to {
		all = append(all, to.Address)
	}
	return strings.Join(all, ",")
}

func parseAddress(text string) (*netmail.Address, error) {
	address, err := netmail.ParseAddress(text)
	if err == nil && (line1(text, len(text)) != strings.TrimSpace(text) || strings.ContainsAny(address.Address, " <>")) {
		return nil, fmt.Errorf("%q holds what no address may hold", text)
	}
	return address, err
}
