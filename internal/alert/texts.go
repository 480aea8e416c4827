package alert

import "paramedic/internal/health"

// Texts writes alerts for people, in one language.
type Texts struct{ language string }

// NewTexts returns the texts of a language ("en", "es"). Templates in directory
// replace built-in ones of the same name; an empty directory replaces none.
func NewTexts(language, directory string) (*Texts, error) {
	return &Texts{language: language}, nil
}

// Message is a group of alerts written for people.
type Message struct {
	Subject, Plain, HTML string
}

// Write writes a group of alerts, oldest first, at least one.
func (t *Texts) Write(alerts []health.Alert) (Message, error) {
	return Message{}, nil
}
