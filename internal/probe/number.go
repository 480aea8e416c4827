package probe

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// oneNumber reads the only value of a result.
func oneNumber(rows driver.Rows) (float64, error) {
	if columns := len(rows.Columns()); columns != 1 {
		return 0, fmt.Errorf("the query returned %d columns, not one number", columns)
	}
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return 0, err
		}
		return 0, errors.New("the query returned no row")
	}
	value := reflect.New(rows.ColumnTypes()[0].ScanType())
	if err := rows.Scan(value.Interface()); err != nil {
		return 0, err
	}
	number, err := asNumber(value.Elem())
	if err == nil && rows.Next() {
		err = errors.New("the query returned more than one row")
	}
	return number, errors.Join(err, rows.Err())
}

// asNumber reads any of ClickHouse's numeric types, nullable ones included.
func asNumber(value reflect.Value) (float64, error) {
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		if _, isText := value.Interface().(fmt.Stringer); isText {
			break // big integers and decimals
		}
		value = value.Elem()
	}
	switch {
	case value.CanInt():
		return float64(value.Int()), nil
	case value.CanUint():
		return float64(value.Uint()), nil
	case value.CanFloat():
		return value.Float(), nil
	case value.Kind() == reflect.Pointer && value.IsNil():
		return 0, errors.New("the query returned NULL, not a number")
	}
	number, err := strconv.ParseFloat(fmt.Sprint(value.Interface()), 64)
	if err != nil {
		return 0, fmt.Errorf("the query returned %s, not a number", show(value.Interface()))
	}
	return number, nil
}
