package connectortest

import "fmt"

// DefaultPage is the page size of a suite that names none.
const DefaultPage = 100

// Records makes n records with unique ids whose values are easily damaged: an
// integer beyond 2^53, fractions, null, empty text, text with quotes, line ends
// and letters of several bytes. Flat records hold scalars only.
func Records(n int, flat bool) []string {
	list := make([]string, n)
	for i := range list {
		nested := ""
		if !flat {
			nested = fmt.Sprintf(`,"tags":["a",null,%d,[]],"address":{"city":"Zoë's \"stad\"","geo":{"lat":52.09,"none":null}}`, i)
		}
		list[i] = fmt.Sprintf(`{"id":"r%06d","big":%d,"small":-%d,"fraction":%d.25,"none":null,"empty":"","flag":%t,"text":"%s","name":"Saar %d"%s}`,
			i, 9007199254740993+2*i, i, i, i%2 == 0, `say \"é\", a;b\tc\\n\nnext 😀`, i%7, nested)
	}
	return list
}
