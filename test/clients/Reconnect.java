// Java's HttpClient: COUNT connections to localhost:PORT, one request each, over one SSLContext; prints the server of each answer.

import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

public class Reconnect {
    public static void main(String[] args) throws Exception {
        // HttpClient keeps connections and forbids to say otherwise, unless this is set.
        System.setProperty("jdk.httpclient.allowRestrictedHeaders", "connection");
        String port = args[0], version = args[2], certificate = args[3];
        int count = Integer.parseInt(args[1]);

        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (FileInputStream pem = new FileInputStream(certificate)) {
            trusted.setCertificateEntry("engine", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLParameters parameters = new SSLParameters();
        parameters.setProtocols(new String[] {version});
        HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .sslContext(context)
            .sslParameters(parameters)
            .build();
        for (int visit = 0; visit < count; visit++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("https://localhost:" + port + "/visit/" + visit))
                .header("Connection", "close")
                .build();
            System.out.println(client.send(request, BodyHandlers.ofString()).headers().firstValue("x-demo-server").orElse(""));
        }
    }
}
