package interop;

import de.xoev.transport.xta._211.CancelDeniedException;
import de.xoev.transport.xta._211.ContentType;
import de.xoev.transport.xta._211.GenericContentContainer;
import de.xoev.transport.xta._211.InvalidMessageIDException;
import de.xoev.transport.xta._211.LookupServiceRequest;
import de.xoev.transport.xta._211.LookupServiceType;
import de.xoev.transport.xta._211.ManagementPortType;
import de.xoev.transport.xta._211.MsgBoxPortType;
import de.xoev.transport.xta._211.ParameterIsNotValidException;
import de.xoev.transport.xta._211.PermissionDeniedException;
import de.xoev.transport.xta._211.SendPortType;
import de.xoev.transport.xta._211.SyncAsyncException;
import de.xoev.transport.xta._211.XTAService;
import eu.osci.ws._2008._05.transport.IteratorType;
import eu.osci.ws._2008._05.transport.MsgBoxFetchRequest;
import eu.osci.ws._2008._05.transport.MsgBoxResponse;
import eu.osci.ws._2008._05.transport.MsgBoxStatusListRequest;
import eu.osci.ws._2008._05.transport.MsgSelectorType;
import eu.osci.ws._2014._10.transport.DeliveryAttributesType;
import eu.osci.ws._2014._10.transport.KeyCodeType;
import eu.osci.ws._2014._10.transport.MessageMetaData;
import eu.osci.ws._2014._10.transport.PartyIdentifierType;
import eu.osci.ws._2014._10.transport.PartyType;
import jakarta.activation.DataHandler;
import jakarta.mail.util.ByteArrayDataSource;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Holder;
import jakarta.xml.ws.soap.SOAPBinding;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.ws.addressing.AttributedURIType;

/**
 * A procedure's XTA client as such stacks make it: generated from the WSDL that the server serves, addressed as its policy asks,
 * both directions checked against its schemas.
 *
 * <p>{@code XtaScenarios BASE_URL WSDL CLIENT_P12 TRUST_P12 IDENTIFIER MESSAGE_ID XML_PREFIX}; MESSAGE_ID waits in the box.
 */
public final class XtaScenarios {
    private static final String PASSWORD = "interop";

    private interface Scenario {
        void run() throws Exception;
    }

    private final String base;
    private final Path wsdl;
    private final TLSClientParameters tls = new TLSClientParameters();
    private final String identifier;
    private boolean failed;

    private XtaScenarios(String base, Path wsdl, Path own, Path trusted, String identifier) throws Exception {
        this.base = base;
        this.wsdl = wsdl;
        this.identifier = identifier;
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store(own), PASSWORD.toCharArray());
        TrustManagerFactory roots = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        roots.init(store(trusted));
        tls.setKeyManagers(keys.getKeyManagers());
        tls.setTrustManagers(roots.getTrustManagers());
    }

    private static KeyStore store(Path path) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(path)) {
            store.load(in, PASSWORD.toCharArray());
        }
        return store;
    }

    private <T> T port(T port, String name, boolean mtom) {
        BindingProvider provider = (BindingProvider) port;
        provider.getRequestContext().put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, base + "/services/XTAService/" + name);
        provider.getRequestContext().put("schema-validation-enabled", "true");
        ((SOAPBinding) provider.getBinding()).setMTOMEnabled(mtom);
        Client client = ClientProxy.getClient(port);
        HTTPConduit conduit = (HTTPConduit) client.getConduit();
        conduit.setTlsClientParameters(tls);
        conduit.getClient().setAllowChunking(true);
        return port;
    }

    private XTAService service() throws Exception {
        return new XTAService(wsdl.toUri().toURL());
    }

    private ManagementPortType management() throws Exception {
        return port(service().getManagementPort(), "ManagementPort", true);
    }

    private SendPortType sending() throws Exception {
        return port(service().getSendXtaPort(), "SendXtaPort", true);
    }

    private MsgBoxPortType box(boolean mtom) throws Exception {
        return port(service().getMsgBoxPort(), "MsgBoxPort", mtom);
    }

    private void tell(String name, Scenario scenario) {
        try {
            scenario.run();
            System.out.println("PASS cxf: " + name);
        } catch (Throwable fault) {
            failed = true;
            fault.printStackTrace();
            System.out.println("FAIL cxf: " + name);
        }
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private static PartyType party(String id) {
        PartyIdentifierType identifier = new PartyIdentifierType();
        identifier.setType("xoev");
        identifier.setValue(id);
        PartyType party = new PartyType();
        party.setIdentifier(identifier);
        return party;
    }

    private PartyType me() {
        return party(identifier);
    }

    private static AttributedURIType uri(String text) {
        AttributedURIType uri = new AttributedURIType();
        uri.setValue(text);
        return uri;
    }

    private static IteratorType iterator(String request, String... received) {
        IteratorType iterator = new IteratorType();
        iterator.setMsgBoxRequestID(request);
        for (String id : received) {
            iterator.getLastMsgReceived().add(uri(id));
        }
        return iterator;
    }

    private static MsgBoxFetchRequest fetch(String id) {
        MsgSelectorType selector = new MsgSelectorType();
        selector.getMessageID().add(uri(id));
        MsgBoxFetchRequest request = new MsgBoxFetchRequest();
        request.setMsgSelector(selector);
        return request;
    }

    private MessageMetaData metadata(String id) {
        MessageMetaData metadata = new MessageMetaData();
        metadata.setDeliveryAttributes(new DeliveryAttributesType());
        MessageMetaData.Originators originators = new MessageMetaData.Originators();
        originators.setAuthor(me());
        metadata.setOriginators(originators);
        MessageMetaData.Destinations destinations = new MessageMetaData.Destinations();
        destinations.setReader(party("bap:06000000"));
        metadata.setDestinations(destinations);
        MessageMetaData.MsgIdentification identification = new MessageMetaData.MsgIdentification();
        identification.setMessageID(uri(id));
        metadata.setMsgIdentification(identification);
        KeyCodeType scenario = new KeyCodeType();
        scenario.setCode("BAU");
        scenario.setListURI("urn:de:xta:codeliste:business.scenario");
        scenario.setListVersionID("3.6");
        MessageMetaData.Qualifier.BusinessScenario business = new MessageMetaData.Qualifier.BusinessScenario();
        business.setDefined(scenario);
        MessageMetaData.Qualifier.MessageType type = new MessageMetaData.Qualifier.MessageType();
        type.setCode("baugenehmigung.bescheid.0205");
        type.setListURI("urn:de:payloadSchema:elementName");
        type.setListVersionID("1.0");
        type.setPayloadSchema("http://www.xleitstelle.de/xbau/2/6");
        MessageMetaData.Qualifier qualifier = new MessageMetaData.Qualifier();
        qualifier.setService("urn:x:antwort");
        qualifier.setBusinessScenario(business);
        qualifier.setMessageType(type);
        metadata.setQualifier(qualifier);
        return metadata;
    }

    private static ContentType content(String name, String type, byte[] bytes) {
        ContentType content = new ContentType();
        content.setContentType(type);
        content.setFilename(name);
        content.setValue(new DataHandler(new ByteArrayDataSource(bytes, "application/octet-stream")));
        return content;
    }

    private static GenericContentContainer container(byte[] message, byte[]... attachments) {
        GenericContentContainer.ContentContainer contents = new GenericContentContainer.ContentContainer();
        contents.setMessage(content("antwort.xml", "application/xml", message));
        for (int at = 0; at < attachments.length; at++) {
            contents.getAttachment().add(content("anlage-" + at + ".bin", "application/pdf", attachments[at]));
        }
        GenericContentContainer container = new GenericContentContainer();
        container.setContentContainer(contents);
        return container;
    }

    private static byte[] bytes(ContentType content) throws Exception {
        try (InputStream in = content.getValue().getInputStream()) {
            return in.readAllBytes();
        }
    }

    private static void refusedWith(String code, Scenario scenario, Class<? extends Exception> expected) throws Exception {
        try {
            scenario.run();
        } catch (Exception fault) {
            check(expected.isInstance(fault), "not " + expected + " but " + fault);
            Object detail = fault.getClass().getMethod("getFaultInfo").invoke(fault);
            Object error = detail.getClass().getMethod("getErrorCode").invoke(detail);
            Object told = error.getClass().getMethod("getCode").invoke(error);
            check(code.equals(told), "the code is " + told + ", not " + code);
            return;
        }
        throw new AssertionError("was not refused");
    }

    private void run(String waiting, String begins) {
        tell("the account is active, and ids are new", () -> {
            management().checkAccountActive(me());
            management().checkAccountActive(null);
            String first = management().createMessageId(me()).getValue();
            check(!first.equals(management().createMessageId(null).getValue()), first);
        });
        tell("services are looked up", () -> {
            LookupServiceRequest request = new LookupServiceRequest();
            for (String service : List.of("urn:x:antwort", "urn:x:anderes")) {
                LookupServiceType asked = new LookupServiceType();
                asked.setReader(party("bap:06000000"));
                asked.setServiceType(service);
                LookupServiceRequest.LookupServiceRequestList list = new LookupServiceRequest.LookupServiceRequestList();
                list.setLookupService(asked);
                request.getLookupServiceRequestList().add(list);
            }
            var results = management().lookupService(request, me()).getLookupServiceResultList().getLookupServiceResult();
            check(results.size() == 2, "two results");
            check(results.get(0).getIsServiceAvailableValue().isServiceIsAvailable(), "the first is there");
            check(!results.get(1).getIsServiceAvailableValue().isServiceIsAvailable(), "the second is not");
            check(results.get(1).getReader().getIdentifier().getValue().equals("bap:06000000"), "what was asked is repeated");
        });
        tell("what waits is listed", () -> {
            MsgBoxStatusListRequest request = new MsgBoxStatusListRequest();
            request.setListForm("MessageMetaData");
            request.setMaxListItems(BigInteger.TEN);
            Holder<MsgBoxResponse> response = new Holder<>();
            var list = box(true).getStatusList(request, me(), response).getMessageMetaData();
            check(list.size() == 1, list.size() + " messages");
            check(list.get(0).getMsgIdentification().getMessageID().getValue().equals(waiting), "the message's id");
            check(list.get(0).getDeliveryAttributes().getDelivery() != null, "when it came");
            Holder<MsgBoxResponse> next = new Holder<>();
            var rest = box(true).getNextStatusList(iterator(response.value.getMsgBoxRequestID()), me(), next);
            check(rest.getMessageMetaData().isEmpty() && next.value.getItemsPending().signum() == 0, "nothing more");
        });
        for (boolean mtom : new boolean[] {true, false}) {
            tell("it is fetched " + (mtom ? "with MTOM" : "with base64"), () -> {
                Holder<MessageMetaData> metadata = new Holder<>();
                Holder<MsgBoxResponse> response = new Holder<>();
                GenericContentContainer got = box(mtom).getMessage(fetch(waiting), me(), metadata, response);
                String xml = new String(bytes(got.getContentContainer().getMessage()), "UTF-8");
                check(xml.contains(begins) && xml.stripTrailing().endsWith(">"), xml.substring(0, Math.min(200, xml.length())));
                check(metadata.value.getMsgIdentification().getMessageID().getValue().equals(waiting), "the message's id");
                check(metadata.value.getDeliveryAttributes().getInitialFetch() != null, "when it was fetched");
                for (ContentType attachment : got.getContentContainer().getAttachment()) {
                    check(bytes(attachment).length > 0 && attachment.getFilename() != null, "an attachment is empty");
                }
            });
        }
        tell("it is fetched without being named, and nothing follows", () -> {
            Holder<MsgBoxResponse> response = new Holder<>();
            box(true).getMessage(new MsgBoxFetchRequest(), me(), new Holder<>(), response);
            String request = response.value.getMsgBoxRequestID();
            refusedWith("9070", () -> box(true).getNextMessage(iterator(request, waiting), me(), new Holder<>(), new Holder<>()),
                    InvalidMessageIDException.class);
        });
        tell("its report is open until it is closed, and done then", () -> {
            var open = management().getTransportReport(uri(waiting), me());
            check(open.getMessageStatus().getStatus().intValue() == 0, "open");
            check(open.getMessageMetaData() != null && open.getReportTime() != null, "the report is whole");
            box(true).close(iterator("1", waiting), me());
            box(true).close(iterator("1", waiting), me());
            check(management().getTransportReport(uri(waiting), me()).getMessageStatus().getStatus().intValue() == 1, "done");
            refusedWith("9070", () -> box(true).getMessage(fetch(waiting), me(), new Holder<>(), new Holder<>()),
                    InvalidMessageIDException.class);
        });
        String id = "urn:uuid:" + UUID.randomUUID();
        byte[] large = new byte[3_000_000];
        new Random(7).nextBytes(large);
        tell("an answer is sent with MTOM, in pieces, and once more", () -> {
            byte[] message = "<antwort>ä</antwort>".getBytes("UTF-8");
            for (int again = 0; again < 2; again++) {
                sending().sendMessage(container(message, large, new byte[0]), metadata(id), null);
            }
            check(management().getTransportReport(uri(id), me()).getMessageStatus().getStatus().intValue() == 1, "done");
            refusedWith("9024", () -> sending().sendMessage(container("<b/>".getBytes("UTF-8")), metadata(id), null),
                    ParameterIsNotValidException.class);
        });
        tell("what is not offered is refused by its own exception", () -> {
            Holder<GenericContentContainer> sync = new Holder<>(container("<a/>".getBytes("UTF-8")));
            Holder<MessageMetaData> about = new Holder<>(metadata("urn:uuid:" + UUID.randomUUID()));
            refusedWith("9080", () -> sending().sendMessageSync(sync, about, new Holder<>()), SyncAsyncException.class);
            refusedWith("9101", () -> management().cancelMessage(uri(id), me()), CancelDeniedException.class);
            refusedWith("9070", () -> management().getTransportReport(uri("urn:x:unbekannt"), me()), InvalidMessageIDException.class);
        });
        tell("a foreign author is kept out", () -> {
            refusedWith("9014", () -> management().checkAccountActive(party("bab:06611000")), PermissionDeniedException.class);
            MessageMetaData foreign = metadata("urn:uuid:" + UUID.randomUUID());
            foreign.getOriginators().setAuthor(party("bab:06611000"));
            refusedWith("9014", () -> sending().sendMessage(container("<a/>".getBytes("UTF-8")), foreign, null),
                    PermissionDeniedException.class);
        });
        tell("a document type is refused", () -> check(refusesDocumentType(), "was not refused"));
    }

    /** What no such stack sends: a document type in front of the envelope. */
    private boolean refusesDocumentType() throws Exception {
        var context = javax.net.ssl.SSLContext.getInstance("TLS");
        context.init(tls.getKeyManagers(), tls.getTrustManagers(), null);
        var request = java.net.http.HttpRequest.newBuilder(java.net.URI.create(base + "/services/XTAService/ManagementPort"))
                .header("Content-Type", "application/soap+xml; charset=utf-8; action=\"http://www.xta.de/XTA/CheckAccountActive\"")
                .expectContinue(true)
                .POST(java.net.http.HttpRequest.BodyPublishers.ofString("<!DOCTYPE x [<!ENTITY a \"b\">]>"
                        + "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body/></e:Envelope>"))
                .build();
        var client = java.net.http.HttpClient.newBuilder().sslContext(context).build();
        var answer = client.send(request, java.net.http.HttpResponse.BodyHandlers.ofString());
        return answer.statusCode() == 500 && answer.body().contains("ParameterIsNotValidException");
    }

    public static void main(String[] args) throws Exception {
        Path[] files = Arrays.stream(args, 1, 4).map(Path::of).toArray(Path[]::new);
        XtaScenarios scenarios = new XtaScenarios(args[0], files[0], files[1], files[2], args[4]);
        scenarios.run(args[5], args[6]);
        System.exit(scenarios.failed ? 1 : 0);
    }
}
