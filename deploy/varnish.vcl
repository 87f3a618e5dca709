# Varnish in front of the three edges of compose.yaml; for others change the backends and who may purge.

vcl 4.1;

import directors;

backend edge1 { .host = "edge-1"; .port = "8000"; }
backend edge2 { .host = "edge-2"; .port = "8000"; }
backend edge3 { .host = "edge-3"; .port = "8000"; }

# The origins, and nobody else.
acl purgers {
    "localhost";
    "10.0.0.0"/8;
    "172.16.0.0"/12;
    "192.168.0.0"/16;
}

sub vcl_init {
    new edges = directors.round_robin();
    edges.add_backend(edge1);
    edges.add_backend(edge2);
    edges.add_backend(edge3);
}

sub vcl_recv {
    set req.backend_hint = edges.backend();
}

include "/etc/varnish/orbit.vcl";
