package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/workflows"
)

// Alert is what became of an alert at one receiver.
type Alert struct {
	DedupKey string             `json:"dedup_key"`
	Receiver string             `json:"receiver"`
	Service  string             `json:"service"`
	Incident string             `json:"incident"`
	Status   health.AlertStatus `json:"status"`
	Stage    health.AlertStage  `json:"stage"`
	At       operator.Time      `json:"at"`
	Outcome  store.AlertOutcome `json:"outcome"`
	// Error is why the latest try failed; empty once it is delivered.
	Error string `json:"error"`
}

// alerts lists the newest alerts.
func (a *API) alerts(r *http.Request) (int, any, error) {
	q := parse(r)
	filter := store.AlertFilter{
		Incident: q.text("incident"), Service: q.text("service"), Receiver: q.text("receiver"),
		Limit: q.number("limit", defaultLimit, 1, highestLimit),
	}
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	found, err := a.Store.Alerts(r.Context(), filter)
	if err != nil {
		return 0, nil, a.stored(err)
	}
	latest := Latest[Alert]{Items: make([]Alert, 0, len(found)), Limit: filter.Limit}
	for _, one := range found {
		latest.Items = append(latest.Items, Alert{
			one.DedupKey, one.Receiver, one.Service, one.Incident, one.Status, one.Stage,
			operator.Time{Time: one.At}, one.Outcome, one.Error,
		})
	}
	return http.StatusOK, latest, nil
}

// DeadLetter is an alert that could not be delivered.
type DeadLetter struct {
	// Name is how it is named to have it sent again: RECEIVER/ID.
	Name string `json:"name"`
	health.DeadLetter
}

// deadLetters lists the alerts that could not be delivered, oldest first at each
// receiver.
func (a *API) deadLetters(r *http.Request) (int, any, error) {
	q := parse(r)
	receiver, part := q.text("receiver"), q.page()
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	outboxes, err := a.outboxesOf(r.Context())
	if err != nil {
		return 0, nil, err
	}
	all := []DeadLetter{}
	for _, outbox := range outboxes {
		for _, letter := range outbox.DeadLetters {
			if receiver == "" || receiver == outbox.Receiver {
				all = append(all, DeadLetter{outbox.Receiver + "/" + letter.ID, milliLetter(letter)})
			}
		}
	}
	return http.StatusOK, cut(all, part), nil
}

func milliLetter(letter health.DeadLetter) health.DeadLetter {
	letter.At, letter.Alert.At = milli(letter.At), milli(letter.Alert.At)
	if !letter.Alert.Since.IsZero() {
		letter.Alert.Since = milli(letter.Alert.Since)
	}
	if !letter.Alert.NextUpdate.IsZero() {
		letter.Alert.NextUpdate = milli(letter.Alert.NextUpdate)
	}
	return letter
}

// outboxesOf returns what each Outbox said last: to the board, or before this
// process was started to the store.
func (a *API) outboxesOf(ctx context.Context) ([]health.Outbox, error) {
	outboxes := a.Board.Outboxes()
	stored, err := a.Store.Outboxes(ctx)
	if err != nil {
		return nil, a.stored(err)
	}
	for _, outbox := range stored {
		if !slices.ContainsFunc(outboxes, func(o health.Outbox) bool { return o.Receiver == outbox.Receiver }) {
			outboxes = append(outboxes, outbox)
		}
	}
	slices.SortFunc(outboxes, func(a, b health.Outbox) int { return strings.Compare(a.Receiver, b.Receiver) })
	return outboxes, nil
}

// Outbox is what a receiver's Outbox has done and has left.
type Outbox struct {
	Receiver string        `json:"receiver"`
	At       operator.Time `json:"at"`
	// Waiting counts the alerts that are not delivered yet.
	Waiting int `json:"waiting"`
	// Delivered and Lost count alerts since the Outbox was first opened.
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	// Dead counts its dead letters.
	Dead int `json:"dead"`
}

// outboxes lists the Outboxes by receiver.
func (a *API) outboxes(r *http.Request) (int, any, error) {
	if err := parse(r).done(); err != nil {
		return 0, nil, err
	}
	found, err := a.outboxesOf(r.Context())
	if err != nil {
		return 0, nil, err
	}
	all := Items[Outbox]{Items: []Outbox{}}
	for _, o := range found {
		all.Items = append(all.Items, Outbox{o.Receiver, operator.Time{Time: o.At}, o.Waiting, o.Delivered, o.Lost, len(o.DeadLetters)})
	}
	return http.StatusOK, all, nil
}

// Resent is how many dead letters are on the way again.
type Resent struct {
	Resent int `json:"resent"`
}

// resend has dead letters sent again: those that are named, or all.
func (a *API) resend(r *http.Request) (int, any, error) {
	var body struct {
		By      string   `json:"by"`
		Letters []string `json:"letters"`
		All     bool     `json:"all"`
	}
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	by, err := author(r, body.By)
	if err != nil {
		return 0, nil, err
	}
	if body.All == (len(body.Letters) > 0) {
		return 0, nil, fault{http.StatusUnprocessableEntity,
			`name the dead letters to send again as the list shows them, {"letters": ["RECEIVER/ID"]}, or write {"all": true}`}
	}
	chosen, err := a.letters(r.Context(), body.Letters)
	if err != nil || len(chosen) == 0 {
		return http.StatusOK, Resent{}, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	sent := 0
	for _, letter := range chosen {
		count, err := o.Resend(r.Context(), letter.receiver, workflows.Resend{ID: letter.id, By: by})
		if refused := (operator.Refused{}); body.All && errors.As(err, &refused) {
			continue // what it had is gone since it was listed
		}
		if err != nil {
			return 0, nil, a.partly(r.Context(), err, "%d on the way again before it", sent)
		}
		sent += count
	}
	return http.StatusOK, Resent{sent}, nil
}

// letter names one dead letter, or without an id all of its receiver.
type letter struct{ receiver, id string }

// letters checks all names before anything is sent. Without names it returns
// all receivers that have dead letters.
func (a *API) letters(ctx context.Context, names []string) ([]letter, error) {
	outboxes, err := a.outboxesOf(ctx)
	if err != nil {
		return nil, err
	}
	var chosen []letter
	if len(names) == 0 {
		for _, outbox := range outboxes {
			if len(outbox.DeadLetters) > 0 {
				chosen = append(chosen, letter{receiver: outbox.Receiver})
			}
		}
		return chosen, nil
	}
	for i, name := range names {
		receiver, id, err := operator.ParseDeadLetter(clip(name))
		if err != nil {
			return nil, faultf(http.StatusUnprocessableEntity, "letters[%d]: %s", i, err)
		}
		known := slices.ContainsFunc(outboxes, func(o health.Outbox) bool { return o.Receiver == receiver })
		if !known {
			return nil, faultf(http.StatusNotFound, "no receiver %q has dead letters%s", clip(receiver), withLetters(outboxes))
		}
		chosen = append(chosen, letter{receiver, id})
	}
	return chosen, nil
}

// withLetters names the receivers that have dead letters, if they are few.
func withLetters(outboxes []health.Outbox) string {
	var names []string
	for _, o := range outboxes {
		if len(o.DeadLetters) > 0 {
			names = append(names, o.Receiver)
		}
	}
	if len(names) > namesLimit {
		return "; /api/v1/dead-letters lists them"
	}
	return fmt.Sprintf("; there are some of: %s", cmp.Or(strings.Join(names, ", "), "nobody"))
}
