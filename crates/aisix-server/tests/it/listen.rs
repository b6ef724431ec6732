use std::net::{SocketAddr, TcpListener};

use aisix_server::exit::Failure;
use aisix_server::listen::{bind, bind_shared};

use crate::harness::localhost;

fn port_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap()
}

#[test]
fn a_port_in_use_is_said_with_what_to_do() {
    let taken = bind("proxy.addr", localhost()).unwrap();
    let addr = port_of(&taken);
    let failure = Failure::from(bind("proxy.addr", addr).unwrap_err());
    assert_eq!(failure.code(), 69);
    assert_eq!(
        bind("proxy.addr", addr).unwrap_err().to_string(),
        format!(
            "proxy.addr: {addr} is in use; stop the process that listens there or set another proxy.addr"
        )
    );
}

#[test]
fn sockets_that_share_a_port_share_it_with_nobody_else() {
    let ours = bind_shared("proxy.addr", localhost(), 4).unwrap();
    let addr = port_of(&ours[0]);
    assert_eq!(ours.len(), 4);
    assert!(ours.iter().all(|listener| port_of(listener) == addr));
    assert!(bind_shared("proxy.addr", addr, 4).is_err());
    assert!(bind("proxy.addr", addr).is_err());
}

#[test]
fn a_port_is_free_again_at_once() {
    let ours = bind_shared("proxy.addr", localhost(), 2).unwrap();
    let addr = port_of(&ours[0]);
    drop(ours);
    assert_eq!(port_of(&bind_shared("proxy.addr", addr, 2).unwrap()[1]), addr);
}

#[test]
fn two_instances_run_side_by_side_on_their_own_ports() {
    let first = bind_shared("proxy.addr", localhost(), 2).unwrap();
    let second = bind_shared("proxy.addr", localhost(), 2).unwrap();
    assert_ne!(port_of(&first[0]), port_of(&second[0]));
}

#[test]
fn an_address_of_another_machine_is_said_with_what_to_do() {
    let error = bind("status.addr", "192.0.2.1:9090".parse().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "status.addr: 192.0.2.1 is no address of this machine; set another status.addr"
    );
}
