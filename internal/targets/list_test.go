package targets

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func named(names ...string) []health.Target {
	all := make([]health.Target, 0, len(names))
	for _, name := range names {
		all = append(all, health.Target{Name: name})
	}
	return all
}

func TestListIsSortedAndTakenApart(t *testing.T) {
	given := []health.Target{
		{Name: "c", Labels: map[string]string{"tier": "gold"}}, {Name: "a"}, {Name: "b", Labels: map[string]string{"tier": "gold"}},
	}
	list, err := NewList(given, func(target health.Target) string { return target.Labels["tier"] })
	require.NoError(t, err)
	require.Equal(t, "c", given[0].Name, "what was handed over stays as it is")
	require.Equal(t, 3, list.Len())
	require.Equal(t, []health.Target{given[1], given[2], given[0]}, list.All())
	require.Equal(t, named("a"), list.Class(""))
	require.Equal(t, []health.Target{given[2], given[0]}, list.Class("gold"))
	require.Empty(t, list.Class("silver"))
	require.Equal(t, map[string]int{"": 1, "gold": 2}, list.Counts())

	found, is := list.Find("b")
	require.True(t, is)
	require.Equal(t, given[2], found)
	for _, absent := range []string{"", "aa", "d"} {
		_, is = list.Find(absent)
		require.False(t, is, absent)
	}
}

func TestListWithoutClasses(t *testing.T) {
	list, err := NewList(named("b", "a"), nil)
	require.NoError(t, err)
	require.Equal(t, named("a", "b"), list.Class(""))
	require.Equal(t, map[string]int{"": 2}, list.Counts())

	list, err = NewList(nil, nil)
	require.NoError(t, err)
	require.Zero(t, list.Len())
	require.Empty(t, list.Counts())
}

func TestListNamesDuplicates(t *testing.T) {
	_, err := NewList(named("b", "a", "b", "c", "b", "c"), nil)
	require.EqualError(t, err, "listed twice: b, c; a target is listed once")

	var many []health.Target
	for i := range 8 {
		many = append(many, named(fmt.Sprint(i), fmt.Sprint(i))...)
	}
	_, err = NewList(many, nil)
	require.EqualError(t, err, "listed twice: 0, 1, 2, 3, 4 and 3 more; a target is listed once")
}
