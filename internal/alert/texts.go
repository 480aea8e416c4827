package alert

import (
	"bytes"
	"fmt"
	"sync"

	"paramedic/internal/health"
)

// Texts writes alerts for people, in one language. A nil Texts writes English.
type Texts struct {
	templates
	// builtIn writes what replaced templates cannot; nil if none is replaced.
	builtIn *Texts
}

// Message is a group of alerts written for people.
type Message struct {
	// Subject is one line without control characters. HTML is a whole page that
	// loads nothing.
	Subject, Plain, HTML string
}

// inEnglish are the texts of a receiver that was opened without any.
var inEnglish = sync.OnceValues(func() (*Texts, error) { return NewTexts("en", "") })

// NewTexts returns the texts of a language ("en", "es"). Templates in directory
// replace built-in ones of the same file name, for every language or, below
// directory/en, for one; an empty directory replaces none. Every template is
// tried with alerts of all stages; an error names the file and line of the
// mistake, and what is known there.
func NewTexts(language, directory string) (*Texts, error) {
	sources, replaced, err := readTemplates(language, directory)
	if err != nil {
		return nil, err
	}
	parsed, err := parseTemplates(sources)
	if err != nil {
		return nil, err
	}
	texts := &Texts{templates: parsed}
	if err := texts.try(); err != nil {
		return nil, err
	}
	if replaced {
		texts.builtIn, err = NewTexts(language, "")
	}
	return texts, err
}

// Write writes a group of alerts, oldest first, at least one: one message with
// a line for each service and the details of the worst. Should a replaced
// template fail on it, the built-in ones write it: people must hear of it.
func (t *Texts) Write(alerts []health.Alert) (Message, error) {
	if len(alerts) == 0 {
		return Message{}, fmt.Errorf("no alert to write")
	}
	if t == nil {
		english, err := inEnglish()
		if err != nil {
			return Message{}, err
		}
		return english.Write(alerts)
	}
	message, err := t.write(newGroup(alerts))
	if err != nil && t.builtIn != nil {
		return t.builtIn.Write(alerts)
	}
	return message, err
}

func (t *Texts) write(g group) (Message, error) {
	var subject, plain, page bytes.Buffer
	if err := t.text.ExecuteTemplate(&subject, subjectFile, g); err != nil {
		return Message{}, t.locate(err)
	}
	if err := t.text.ExecuteTemplate(&plain, plainFile, g); err != nil {
		return Message{}, t.locate(err)
	}
	if err := t.html.ExecuteTemplate(&page, pageFile, g); err != nil {
		return Message{}, t.locate(err)
	}
	message := Message{Subject: line1(subject.String(), subjectLimit), Plain: plain.String(), HTML: page.String()}
	if message.Subject == "" {
		return Message{}, fmt.Errorf("%s: writes an empty subject", t.paths[subjectFile])
	}
	return message, nil
}

// try writes samples of everything that templates meet.
func (t *Texts) try() error {
	for _, alerts := range samples() {
		if _, err := t.write(newGroup(alerts)); err != nil {
			return err
		}
	}
	return nil
}
