package soap

import (
	"fmt"
	"strings"
)

// wsdl describes the service as far as a person needs who calls it by hand.
func wsdl(address string) string {
	var messages, port, binding strings.Builder
	for _, name := range []string{"ListPersons", "GetPerson", "SavePerson", "RemovePerson"} {
		fmt.Fprintf(&messages, `<message name="%[1]s"><part name="body" element="d:%[1]s"/></message>`+
			`<message name="%[1]sResponse"><part name="body" element="d:%[1]sResponse"/></message>`, name)
		fmt.Fprintf(&port, `<operation name="%[1]s"><input message="d:%[1]s"/><output message="d:%[1]sResponse"/></operation>`, name)
		fmt.Fprintf(&binding, `<operation name="%[1]s"><soap:operation soapAction="%[2]s/%[1]s"/>`+
			`<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>`, name, service)
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:d="%[1]s" targetNamespace="%[1]s">
%[2]s
<portType name="Directory">%[3]s</portType>
<binding name="Directory" type="d:Directory"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>%[4]s</binding>
<service name="Directory"><port name="Directory" binding="d:Directory"><soap:address location="%[5]s"/></port></service>
</definitions>
`, service, messages.String(), port.String(), binding.String(), address)
}
