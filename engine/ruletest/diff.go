package ruletest

// edit is one line of a difference: '-' is only in the first text, '+' only in
// the second, ' ' in both.
type edit struct {
	sign byte
	line string
}

// maxTable bounds the memory that a difference takes.
const maxTable = 4 << 20

// diff turns a into b with as few edits as there are; of texts that are too long
// it says that all of a goes and all of b comes.
func diff(a, b []string) []edit {
	var out []edit
	if len(a)*len(b) > maxTable {
		for _, l := range a {
			out = append(out, edit{'-', l})
		}
		for _, l := range b {
			out = append(out, edit{'+', l})
		}
		return out
	}
	common := commonLines(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, edit{'-', a[i]})
			i++
		default:
			out = append(out, edit{'+', b[j]})
			j++
		}
	}
	return out
}

// commonLines is a table of how many lines a[i:] and b[j:] have in common, in
// order.
func commonLines(a, b []string) [][]int32 {
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			table[i][j] = max(table[i+1][j], table[i][j+1])
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	return table
}
