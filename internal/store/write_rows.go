package store

import (
	"context"
	"strconv"
	"strings"
)

// insert is a statement that writes many rows at once.
type insert struct {
	// into is "table (column, ...)".
	into string
	// types are those of the columns in PostgreSQL.
	types []string
	// conflict says what becomes of a row whose key is there already.
	conflict string
}

func into(table string, columns ...column) insert {
	i := insert{}
	names := make([]string, len(columns))
	for n, c := range columns {
		names[n] = c.name
		i.types = append(i.types, c.kind)
	}
	i.into = table + " (" + strings.Join(names, ", ") + ")"
	return i
}

func (i insert) on(conflict string) insert {
	i.conflict = conflict
	return i
}

type column struct{ name, kind string }

func numbers(names string) []column { return typed("bigint", names) }

func texts(names string) []column { return typed("text", names) }

func blobs(names string) []column { return typed("bytea", names) }

func typed(kind, names string) []column {
	var columns []column
	for name := range strings.FieldsSeq(names) {
		columns = append(columns, column{name, kind})
	}
	return columns
}

// columns hold the values of rows, each a []int64, a []string or
// a [][]byte of the same length.
type columns []any

// rows writes rows, of which no two may have the same key. SQLite is fastest
// row by row; PostgreSQL takes all of them at once.
func (w *writing) rows(ctx context.Context, i insert, c columns) error {
	if c.len() == 0 {
		return nil
	}
	if w.kind == kindPostgres {
		_, err := w.tx.ExecContext(ctx, i.postgres(), c...)
		return err
	}
	return w.eachRow(ctx, i, c, func(int, int64) {})
}

// newRows writes those rows whose keys, a target and a time in the first two
// columns, are not there yet. It reports which.
func (w *writing) newRows(ctx context.Context, i insert, c columns) (fresh []bool, err error) {
	fresh = make([]bool, c.len())
	if len(fresh) == 0 {
		return fresh, nil
	}
	if w.kind == kindSQLite {
		err := w.eachRow(ctx, i, c, func(row int, written int64) { fresh[row] = written > 0 })
		return fresh, err
	}
	type key struct{ target, at int64 }
	targets, ats := c[0].([]int64), c[1].([]int64)
	places := make(map[key]int, len(fresh))
	for row := range fresh {
		places[key{targets[row], ats[row]}] = row
	}
	rows, err := w.tx.QueryContext(ctx, i.postgres()+" RETURNING target, at", c...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.target, &k.at); err != nil {
			return nil, err
		}
		fresh[places[k]] = true
	}
	return fresh, rows.Err()
}

// eachRow executes the statement row by row.
func (w *writing) eachRow(ctx context.Context, i insert, c columns, done func(row int, written int64)) error {
	statement, err := w.tx.PrepareContext(ctx, i.sqlite())
	if err != nil {
		return err
	}
	defer func() { _ = statement.Close() }()
	// The driver starts a goroutine for each statement that can be cancelled.
	steady := context.WithoutCancel(ctx)
	args := make([]any, len(c))
	for row := range c.len() {
		if row%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		result, err := statement.ExecContext(steady, c.row(row, args)...)
		if err != nil {
			return err
		}
		written, err := result.RowsAffected()
		if err != nil {
			return err
		}
		done(row, written)
	}
	return nil
}

func (i insert) sqlite() string {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(i.types)), ", ")
	return "INSERT INTO " + i.into + " VALUES (" + marks + ") " + i.conflict
}

func (i insert) postgres() string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + i.into + " SELECT * FROM unnest(")
	for n, kind := range i.types {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(n+1) + "::" + kind + "[]")
	}
	b.WriteString(") " + i.conflict)
	return b.String()
}

func (c columns) len() int {
	switch first := c[0].(type) {
	case []int64:
		return len(first)
	case []string:
		return len(first)
	case [][]byte:
		return len(first)
	}
	return 0
}

func (c columns) row(row int, into []any) []any {
	for n, values := range c {
		switch v := values.(type) {
		case []int64:
			into[n] = v[row]
		case []string:
			into[n] = v[row]
		case [][]byte:
			into[n] = v[row]
		}
	}
	return into
}
