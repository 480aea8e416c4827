package targets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonReader reads a file of targets token by token, so that every mistake has
// its place.
type jsonReader struct {
	*gatherer
	text []byte
	from *json.Decoder
}

func (g *gatherer) readJSON(text []byte) error {
	r := &jsonReader{gatherer: g, text: text, from: json.NewDecoder(bytes.NewReader(text))}
	g.locate = r.lineOf
	if err := r.list("a list of groups", r.jsonGroup); err != nil {
		return err
	}
	end := r.here()
	if _, err := r.from.Token(); !errors.Is(err, io.EOF) {
		return r.wrong(end, "something follows the list of groups; keep one list in the file")
	}
	return nil
}

// jsonGroup reads one group.
func (r *jsonReader) jsonGroup() error {
	from, at := len(r.all), r.here()
	labels, seen := map[string]string{}, map[string]bool{}
	err := r.object("a group, like {\"targets\": [], \"labels\": {}}", func(key string, where place) error {
		if err := r.key(seen, key, where); err != nil {
			return err
		}
		if key == "targets" {
			return r.list("a list of targets", r.jsonTarget)
		}
		at = where
		return r.jsonLabels(labels)
	})
	if err != nil {
		return err
	}
	return r.group(from, labels, at)
}

func (r *jsonReader) jsonTarget() error {
	name, at, err := r.string("the name of a target")
	if err != nil {
		return err
	}
	return r.target(name, at)
}

func (r *jsonReader) jsonLabels(labels map[string]string) error {
	return r.object("labels, like {\"name\": \"value\"}", func(name string, at place) error {
		value, _, err := r.string("the value of a label")
		if err != nil {
			return err
		}
		return r.label(labels, name, value, at)
	})
}

// list reads a list, each of its items by item.
func (r *jsonReader) list(expected string, item func() error) error {
	return r.within('[', expected, item)
}

// object reads an object; value reads what belongs to a key.
func (r *jsonReader) object(expected string, value func(key string, at place) error) error {
	return r.within('{', expected, func() error {
		key, at, err := r.string("a key")
		if err != nil {
			return err
		}
		return value(key, at)
	})
}

// within reads what stands between brackets.
func (r *jsonReader) within(opens json.Delim, expected string, item func() error) error {
	token, at, err := r.next()
	if err != nil {
		return err
	}
	if token != opens {
		return r.wrong(at, "%s stands where %s is expected", describe(token), expected)
	}
	for r.from.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, _, err = r.next()
	return err
}

func (r *jsonReader) string(expected string) (string, place, error) {
	token, at, err := r.next()
	if err != nil {
		return "", at, err
	}
	text, is := token.(string)
	if !is {
		return "", at, r.wrong(at, "%s stands where %s is expected; put it in quotes", describe(token), expected)
	}
	return text, at, nil
}

// next reads a token, and says where it begins.
func (r *jsonReader) next() (json.Token, place, error) {
	at := r.here()
	token, err := r.from.Token()
	if err != nil {
		return nil, at, r.broken(err)
	}
	return token, at, nil
}

// here is where the next token begins.
func (r *jsonReader) here() place {
	return r.after(int(r.from.InputOffset()))
}

// after is the first place at or after an offset where a token may begin.
func (r *jsonReader) after(offset int) place {
	for offset < len(r.text) && bytes.IndexByte([]byte(" \t\r\n,:"), r.text[offset]) >= 0 {
		offset++
	}
	return place(offset)
}

// lineOf finds the line and column of an offset.
func (r *jsonReader) lineOf(at place) (line, column int) {
	before := r.text[:max(0, min(int(at), len(r.text)))]
	begins := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[begins:]) + 1
}

// broken says where a file is no JSON.
func (r *jsonReader) broken(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return r.wrong(r.after(max(int(syntax.Offset)-1, 0)), "this is not JSON: %v; correct the text here", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.wrong(place(len(r.text)), "the file ends too early; write a list of groups, like [{\"targets\": []}]")
	}
	return fmt.Errorf("%s: %w", r.path, err)
}

// describe names a token for a message.
func describe(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		return fmt.Sprintf("%q", token.String())
	case nil:
		return "null"
	case string:
		return "text"
	default:
		return fmt.Sprint(token)
	}
}
